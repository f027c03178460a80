package front_test

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
	"sync"
	"time"
)

// issuer is a certificate that is its own authority, for 127.0.0.1.
type issuer struct {
	certificate       tls.Certificate
	certFile, keyFile string
}

// authority returns the one of this process.
var authority = sync.OnceValue(func() *issuer {
	i, err := newIssuer()
	if err != nil {
		panic(err)
	}
	return i
})

func newIssuer() (*issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "apim-edge test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "apim-edge-front")
	if err != nil {
		return nil, err
	}
	i := &issuer{certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem")}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	if i.certificate, err = tls.X509KeyPair(cert, secret); err != nil {
		return nil, err
	}
	if err := os.WriteFile(i.certFile, cert, 0o600); err != nil {
		return nil, err
	}
	return i, os.WriteFile(i.keyFile, secret, 0o600)
}

func (i *issuer) server() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{i.certificate}, DynamicRecordSizingDisabled: true}
}

func (i *issuer) client() *tls.Config {
	pool := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(i.certificate.Certificate[0])
	if err != nil {
		panic(err)
	}
	pool.AddCert(leaf)
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: "127.0.0.1"}
}
