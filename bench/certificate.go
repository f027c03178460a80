package main

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"slices"

	"github.com/apim-edge/apim-edge/internal/testcert"
)

// certificates are the certificate of the upstream and all peers, in files.
type certificates struct {
	*testcert.Certificate
	pairFile string      // certificate and key in one file, as HAProxy wants it
	client   *tls.Config // trusts the certificate
}

// upstreamName is what the certificate is made out to, besides 127.0.0.1.
const upstreamName = "upstream.test"

func makeCertificates(folder string) (*certificates, error) {
	made, err := testcert.New(folder, upstreamName)
	if err != nil {
		return nil, err
	}
	c := &certificates{Certificate: made, pairFile: filepath.Join(folder, "pair.pem"), client: made.Client()}
	c.client.DynamicRecordSizingDisabled = true
	return c, os.WriteFile(c.pairFile, slices.Concat(c.CertPEM, c.KeyPEM), 0o600)
}
