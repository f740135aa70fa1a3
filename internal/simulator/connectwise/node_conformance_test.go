package connectwise

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// clientPackage is a client library that other people made and use against real tenants.
const clientPackage = "connectwise-rest@1.3.0"

// TestNodeClient drives a client library from elsewhere against the simulator over TLS.
func TestNodeClient(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts Node")
	}
	modules := nodeModules(t)
	certificate, authority := selfSigned(t)

	server := httptest.NewUnstartedServer(New(Options{Companies: 60, Products: 1150, Agreements: 60, Now: frozen}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	t.Cleanup(server.Close)
	address, isTCP := server.Listener.Addr().(*net.TCPAddr)
	if !isTCP {
		t.Fatalf("the server listens on %s, want a TCP port", server.Listener.Addr())
	}

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "node", filepath.Join("testdata", "conformance.cjs"))
	command.Env = append(os.Environ(), "NODE_PATH="+modules, "NODE_EXTRA_CA_CERTS="+authority,
		fmt.Sprintf("CONNECTWISE_HOST=localhost:%d", address.Port), "NO_PROXY=localhost", "no_proxy=localhost")
	var complaints bytes.Buffer
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s%s", err, output, &complaints)
	}
	checks := 0
	for line := range bytes.Lines(output) {
		var check struct {
			Name    string
			Problem *string
		}
		if err := json.Unmarshal(line, &check); err != nil {
			t.Fatalf("node printed %q: %v", line, err)
		}
		checks++
		t.Run(check.Name, func(t *testing.T) {
			if check.Problem != nil {
				t.Error(*check.Problem)
			}
		})
	}
	if checks == 0 {
		t.Errorf("node ran no checks: %s", &complaints)
	}
}

// nodeModules returns a folder with the client library in it, installing it once for all runs to come. The
// test is skipped where Node is absent or the library cannot be had.
func nodeModules(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: %v", program, err)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("there is no folder to keep %s in: %v", clientPackage, err)
	}
	root := filepath.Join(cache, "crosswalk-test")
	installed := filepath.Join(root, clientPackage)
	modules := filepath.Join(installed, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Skipf("there is no folder to keep %s in: %v", clientPackage, err)
	}
	// Runs that install at the same time do so apart; the first one to finish puts its folder in place.
	apart, err := os.MkdirTemp(root, "installing-")
	if err != nil {
		t.Skipf("there is no folder to install %s in: %v", clientPackage, err)
	}
	defer func() { _ = os.RemoveAll(apart) }()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", apart, clientPackage)
	if output, err := command.CombinedOutput(); err != nil {
		t.Skipf("%s cannot be fetched: %v\n%s", clientPackage, err, output)
	}
	if err := os.Rename(apart, installed); err != nil {
		if _, missing := os.Stat(modules); missing != nil {
			t.Skipf("%s cannot be kept: %v", clientPackage, err)
		}
	}
	return modules
}

// selfSigned makes a certificate for localhost and returns it with the file that lets clients trust it.
func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "localhost.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
