//go:build e2e

package wire

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
	"time"
)

// identity is a certificate for the loopback address, its own authority. The
// upstream shows it, and so does an edge that serves HTTPS.
type identity struct {
	certFile, keyFile string
	server, client    *tls.Config
}

func newIdentity(dir string) (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "wire stories"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	id := &identity{certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem")}
	if err := writePEM(id.certFile, "CERTIFICATE", der); err != nil {
		return nil, err
	}
	if err := writePEM(id.keyFile, "EC PRIVATE KEY", keyDER); err != nil {
		return nil, err
	}
	return id, id.load()
}

func writePEM(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

func (id *identity) load() error {
	certificate, err := tls.LoadX509KeyPair(id.certFile, id.keyFile)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		return err
	}
	pool.AddCert(leaf)
	id.server = &tls.Config{Certificates: []tls.Certificate{certificate}}
	// In TLS 1.3 the type of a record is encrypted, so that close_notify could
	// not be told from data; see recordConn.
	id.client = &tls.Config{RootCAs: pool, ServerName: "localhost", MaxVersion: tls.VersionTLS12}
	return nil
}
