package config

import (
	"crypto/tls"
	"crypto/x509"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/option"
	"github.com/apim-edge/apim-edge/internal/secret"
)

// Files returns the files on which the configuration depends, sorted and each
// once: the configuration file (if there is one), certificates, keys, and
// secrets that are read from files. A change of one means a reload.
func Files(c Config, file string) []string {
	files := []string{file, c.Listen.TLS.CertFile, c.Listen.TLS.KeyFile}
	files = append(files, fileOf(c.Admin.Token), c.Traces.CAFile, fileOf(c.Shared.Password), c.Shared.CAFile)
	for _, ref := range c.Listen.TLS.TicketKeys {
		files = append(files, fileOf(ref))
	}
	for _, ref := range c.Traces.Headers {
		files = append(files, fileOf(ref))
	}
	for _, up := range c.Upstreams {
		files = append(files, fileOf(up.Proxy), up.TLS.CAFile, up.TLS.CertFile, up.TLS.KeyFile)
	}
	for _, p := range c.TokenPolicies { // signing_keys are looked at by whom they belong to
		for _, ref := range p.DecryptionKeys {
			files = append(files, fileOf(ref))
		}
	}
	for _, client := range c.Clients {
		files = append(files, fileOf(client.UpstreamKey))
	}
	slices.Sort(files)
	return slices.DeleteFunc(slices.Compact(files), func(name string) bool { return name == "" })
}

// fileOf returns the path of a reference, or "".
func fileOf(ref string) string {
	path, found := strings.CutPrefix(ref, "file:")
	if !found {
		return ""
	}
	return path
}

// CheckFiles returns what is wrong with the files and variables that a valid
// configuration names: it reads certificates, keys and secrets as the edge will.
func (c *Config) CheckFiles() Problems {
	v := &checker{config: c}
	v.certificate("listen.tls", c.Listen.TLS.CertFile, c.Listen.TLS.KeyFile)
	v.ticketFiles("listen.tls.ticket_keys", c.Listen.TLS)
	v.secret("admin.token", c.Admin.Token)
	v.traceFiles()
	v.secret("shared.password", c.Shared.Password)
	v.authorities("shared.ca_file", c.Shared.CAFile)
	for _, name := range slices.Sorted(maps.Keys(c.Upstreams)) {
		auth := option.Child(option.Child("upstreams", name), "auth")
		v.secret(option.Child(auth, "value"), c.Upstreams[name].Auth.Value)
		v.secret(option.Child(auth, "secondary"), c.Upstreams[name].Auth.Secondary)
		if _, err := c.Upstreams[name].ForwardProxy(); err != nil && !IsVaulted(err) {
			v.fault(option.Child(option.Child("upstreams", name), "proxy"), "", err.Error(), "")
		}
		key, up := option.Child(option.Child("upstreams", name), "tls"), c.Upstreams[name].TLS
		v.certificate(key, up.CertFile, up.KeyFile)
		v.authorities(option.Child(key, "ca_file"), up.CAFile)
	}
	for _, name := range slices.Sorted(maps.Keys(c.TokenPolicies)) {
		v.keyFiles(option.Child("token_policies", name), c.TokenPolicies[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Clients)) {
		v.secret(option.Child(option.Child("clients", name), "upstream_key"), c.Clients[name].UpstreamKey)
	}
	v.censusFiles()
	v.problems.sort()
	return v.problems
}

func (v *checker) traceFiles() {
	v.authorities("traces.ca_file", v.config.Traces.CAFile)
	for _, name := range slices.Sorted(maps.Keys(v.config.Traces.Headers)) {
		v.secret(option.Child("traces.headers", name), v.config.Traces.Headers[name])
	}
}

// authorities reads the certificates of authorities that are trusted.
func (v *checker) authorities(key, name string) {
	if data := v.read(key, name); data != nil && !x509.NewCertPool().AppendCertsFromPEM(data) {
		v.fault(key, option.Show(name), "there is no PEM certificate in it", "")
	}
}

// secret reads a secret from where it is.
func (v *checker) secret(key, ref string) {
	source, err := secret.Parse(ref)
	if ref == "" || err != nil {
		return
	}
	if _, err := source.Current(); err != nil && !IsVaulted(err) {
		v.fault(key, "", "the secret cannot be read: "+err.Error(), "")
	}
}

// read returns the content of a file that is named, or nil.
func (v *checker) read(key, name string) []byte {
	if name == "" {
		return nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		v.fault(key, option.Show(name), "the file cannot be read: "+reason(err), "")
		return nil
	}
	return append([]byte{}, data...) // not nil, also where it is empty
}

func (v *checker) certificate(key, certFile, keyFile string) {
	if certFile == "" || keyFile == "" {
		return
	}
	chain, private := v.read(option.Child(key, "cert_file"), certFile), v.read(option.Child(key, "key_file"), keyFile)
	if chain == nil || private == nil {
		return
	}
	// The library's texts name PEM types and mismatches, never key material.
	if _, err := tls.X509KeyPair(chain, private); err != nil {
		v.fault(option.Child(key, "cert_file"), option.Show(certFile), "it does not fit key_file: "+strings.TrimPrefix(err.Error(), "tls: "), "")
	}
}
