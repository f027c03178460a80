// Package testcert makes the certificate that tests, the soak and the bench
// speak TLS with on loopback. It is its own authority: whoever is to trust it is
// given the same file, or Client's configuration.
package testcert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certificate is a certificate and its key.
type Certificate struct {
	CertFile, KeyFile string // PEM
	CertPEM, KeyPEM   []byte // what is in the files

	name string
	pair tls.Certificate
}

// Temp is New for a test, in a folder of the test's.
func Temp(t testing.TB, name string) *Certificate {
	t.Helper()
	c, err := New(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// New makes a certificate for localhost, 127.0.0.1 and name, which is its common
// name too. It is valid for a year and written to cert.pem and key.pem in dir.
func New(dir, name string) (*Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		DNSNames: []string{"localhost", name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	certDER, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	c := &Certificate{
		CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"),
		CertPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certDER}),
		KeyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		name:    name,
	}
	if c.pair, err = tls.X509KeyPair(c.CertPEM, c.KeyPEM); err != nil {
		return nil, err
	}
	if err := os.WriteFile(c.CertFile, c.CertPEM, 0o600); err != nil {
		return nil, err
	}
	return c, os.WriteFile(c.KeyFile, c.KeyPEM, 0o600)
}

// Server returns a new configuration of a server that shows the certificate.
func (c *Certificate) Server() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c.pair}}
}

// Client returns a new configuration of a client that asks for the name and
// trusts nothing but the certificate.
func (c *Certificate) Client() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(c.pair.Leaf)
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: c.name}
}
