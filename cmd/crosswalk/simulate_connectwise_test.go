package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

func parseSimulateConnectWise(t *testing.T, arguments ...string) (*simulateConnectWiseCommand, error) {
	t.Helper()
	var cli struct {
		ConnectWise simulateConnectWiseCommand `cmd:"" name:"connectwise"`
	}
	parser, err := kong.New(&cli)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(append([]string{"connectwise"}, arguments...))
	return &cli.ConnectWise, err
}

// serveConnectWise runs the command until the test stops it and returns the URL it tells.
func serveConnectWise(t *testing.T, arguments ...string) (url string, stop func() error) {
	t.Helper()
	command, err := parseSimulateConnectWise(t, append(arguments, "--listen", "127.0.0.1:0")...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	messages, written := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- command.serve(ctx, written)
		_ = written.Close()
	}()
	lines := bufio.NewScanner(messages)
	if !lines.Scan() {
		cancel()
		t.Fatalf("no message came: %v, %v", lines.Err(), <-ended)
	}
	_, rest, found := strings.Cut(lines.Text(), " at ")
	if !found {
		t.Errorf("message = %q, want a URL in it", lines.Text())
	}
	url, _, _ = strings.Cut(rest, " ")
	return url, func() error {
		cancel()
		if lines.Scan() {
			t.Errorf("a second message came: %q", lines.Text())
		}
		return <-ended
	}
}

// readConnectWise returns the answer to a GET below the API root.
func readConnectWise(t *testing.T, client *http.Client, url, path string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v4_6_release/apis/3.0"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("acme+k1", "k2")
	request.Header.Set("clientId", "3f0a")
	response, err := client.Do(request)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return response.Status + " " + string(body)
}

func TestSimulateConnectWise_ServesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	url, stop := serveConnectWise(t, "--company", "acme", "--public-key", "k1", "--private-key", "k2",
		"--companies", "11", "--products", "12", "--agreements", "13", "--rate-limit", "3")
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for path, want := range map[string]string{
		"/company/companies/count": `{"count":11}`, "/procurement/catalog/count": `{"count":12}`, "/finance/agreements/count": `{"count":13}`,
	} {
		if got := readConnectWise(t, client, url, path); got != "200 OK "+want {
			t.Errorf("GET %s gave %s, want %s", path, got, want)
		}
	}
	if got := readConnectWise(t, client, url, "/system/info"); !strings.HasPrefix(got, "429 ") {
		t.Errorf("the fourth request of a minute gave %s, want 429", got)
	}
	if err := stop(); err != nil {
		t.Errorf("the command ended with %v, want nil", err)
	}
	if response, err := client.Get(url); err == nil {
		_ = response.Body.Close()
		t.Errorf("%s still answers after the command ended", url)
	}
}

func TestSimulateConnectWise_EndsWhileItMakesItsData(t *testing.T) {
	t.Parallel()
	command, err := parseSimulateConnectWise(t, "--listen=127.0.0.1:0", "--companies=200000", "--products=200000")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var messages strings.Builder
	if err := command.serve(ctx, &messages); err != nil || messages.Len() > 0 {
		t.Errorf("a command that was stopped before it served ended with %v and said %q, want neither", err, &messages)
	}
}

func TestSimulateConnectWise_ServesHTTPS(t *testing.T) {
	t.Parallel()
	certFile, keyFile, trusted := writeCertificate(t)
	url, stop := serveConnectWise(t, "--company", "acme", "--public-key", "k1", "--private-key", "k2",
		"--tls-cert", certFile, "--tls-key", keyFile)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	defer client.CloseIdleConnections()
	if got := readConnectWise(t, client, url, "/finance/currencies?fields=currencyCode&pageSize=1"); got != `200 OK [{"currencyCode":"EUR"}]` {
		t.Errorf("over %s the first currency is %s", url, got)
	}
	if err := stop(); err != nil {
		t.Errorf("the command ended with %v, want nil", err)
	}
}

// writeCertificate writes a certificate for 127.0.0.1 that vouches for itself.
func writeCertificate(t *testing.T) (certFile, keyFile string, trusted *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyBytes, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trusted = x509.NewCertPool()
	trusted.AddCert(certificate)
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyBytes},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile, trusted
}

func TestSimulateConnectWise_HasDefaultsForEverything(t *testing.T) {
	command, err := parseSimulateConnectWise(t)
	if err != nil {
		t.Fatal(err)
	}
	if command.Listen == "" || command.Company != "demo" || command.PublicKey != "public" || command.PrivateKey != "private" ||
		command.Companies == 0 || command.Products == 0 || command.Agreements == 0 {
		t.Errorf("defaults = %+v", command)
	}
	if now := command.clock()(); time.Since(now) > time.Minute {
		t.Errorf("without --now it is %s, want the present", now)
	}
	t.Setenv("CROSSWALK_NOW", "2026-02-03T04:05:06Z")
	frozen, err := parseSimulateConnectWise(t)
	if err != nil {
		t.Fatal(err)
	}
	if now := frozen.clock()(); !now.Equal(time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)) {
		t.Errorf("with CROSSWALK_NOW it is %s, want 2026-02-03T04:05:06Z", now)
	}
}

func TestSimulateConnectWise_RefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	certFile, keyFile, _ := writeCertificate(t)
	for _, tt := range []struct {
		name      string
		arguments []string
		want      string
	}{
		{"a negative number", []string{"--companies=-1"}, "must not be negative"},
		{"more than fits", []string{"--agreements=100000000"}, "--agreements is 100000000; it must not be greater than 200000"},
		{"agreements of nobody", []string{"--companies=0"}, "need at least one company"},
		{"additions of nothing", []string{"--products=0", "--additions=1"}, "need at least one agreement and one product"},
		{"an address that is taken", []string{"--listen", taken.Addr().String()}, "listen for the simulated ConnectWise"},
		{"a certificate without its key", []string{"--tls-cert", certFile}, "must be given together"},
		{"a key in place of the certificate", []string{"--tls-cert", keyFile, "--tls-key", keyFile}, "load the certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			command, err := parseSimulateConnectWise(t, tt.arguments...)
			if err != nil {
				t.Fatal(err)
			}
			if err := command.serve(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("crosswalk simulate connectwise %v gave %v, want an error with %q", tt.arguments, err, tt.want)
			}
		})
	}
	if _, err := parseSimulateConnectWise(t, "--tls-cert", filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a certificate file that does not exist was accepted")
	}
}
