package connectwise

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"crosswalk/internal/nodetest"
)

// clientPackage is a client library that other people made and use against real tenants.
const clientPackage = "connectwise-rest@1.3.0"

// TestNodeClient drives a client library from elsewhere against the simulator over TLS.
func TestNodeClient(t *testing.T) {
	t.Parallel()
	modules := nodetest.Modules(t, clientPackage)
	certificate, authority := selfSigned(t)

	server := httptest.NewUnstartedServer(New(Options{Companies: 60, Products: 1150, Agreements: 60, Now: frozen}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	t.Cleanup(server.Close)
	address, isTCP := server.Listener.Addr().(*net.TCPAddr)
	if !isTCP {
		t.Fatalf("the server listens on %s, want a TCP port", server.Listener.Addr())
	}

	output := nodetest.Run(t, modules, []string{
		"NODE_EXTRA_CA_CERTS=" + authority, fmt.Sprintf("CONNECTWISE_HOST=localhost:%d", address.Port),
	}, filepath.Join("testdata", "conformance.cjs"))
	nodetest.Report(t, output)
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
