package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"
)

// Network is what is known of the way to the API.
type Network struct {
	Host      string   `json:"host"`
	Addresses []string `json:"addresses,omitempty"`
	// Canonical is the name at the end of the aliases, where it is another one.
	Canonical string `json:"canonical,omitempty"`
	// Private tells that an address is one of a private network.
	Private bool `json:"private,omitempty"`
	// Proxy is the forward proxy by which it is reached.
	Proxy string    `json:"proxy,omitempty"`
	TLS   *TLSFacts `json:"tls,omitempty"`
	// Fault says why the API cannot be reached, Do what to do.
	Fault string `json:"fault,omitempty"`
	Do    string `json:"do,omitempty"`
}

// TLSFacts are what the handshake has shown.
type TLSFacts struct {
	Version string   `json:"version"`
	Suite   string   `json:"suite"`
	Names   []string `json:"names"`
	Issuer  string   `json:"issuer"`
	Expires string   `json:"expires"`
	Days    int      `json:"days"` // until then
	// AsksForCertificate tells that it asks clients for one.
	AsksForCertificate bool `json:"asks_for_certificate,omitempty"`
}

// network looks the name up and makes one connection, so that what fails has a name.
// Where there is a forward proxy, that is the proxy's work: the first request shows what
// comes of it.
func (p *prober) network(ctx context.Context) Network {
	u := p.target.URL
	n := Network{Host: u.Hostname()}
	if p.target.proxy != nil && u.Scheme == "https" {
		n.Proxy = p.target.proxy.Host
		return n
	}
	ctx, cancel := context.WithTimeout(ctx, p.opt.Timeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", n.Host)
	if err != nil {
		p.fail(&n, err)
		return n
	}
	for _, a := range addresses {
		n.Addresses = append(n.Addresses, a.Unmap().String())
		n.Private = n.Private || a.Unmap().IsPrivate()
	}
	if _, literal := netip.ParseAddr(n.Host); literal != nil {
		if name, err := net.DefaultResolver.LookupCNAME(ctx, n.Host); err == nil && !strings.EqualFold(strings.TrimSuffix(name, "."), strings.TrimSuffix(n.Host, ".")) {
			n.Canonical = strings.TrimSuffix(name, ".")
		}
	}
	p.connect(ctx, &n)
	return n
}

// connect makes one connection and closes it.
func (p *prober) connect(ctx context.Context, n *Network) {
	u := p.target.URL
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(n.Host, port))
	if err != nil {
		p.fail(n, err)
		return
	}
	defer conn.Close() //nolint:errcheck // nothing was written that somebody waits for
	if u.Scheme != "https" {
		return
	}
	conf := p.tlsConfig()
	if conf.ServerName == "" {
		conf.ServerName = strings.TrimSuffix(n.Host, ".")
	}
	secured := tls.Client(conn, conf)
	if err := secured.HandshakeContext(ctx); err != nil {
		p.fail(n, err)
		return
	}
	state := secured.ConnectionState()
	n.TLS = p.tlsFacts(&state)
}

func (p *prober) tlsFacts(s *tls.ConnectionState) *TLSFacts {
	leaf := s.PeerCertificates[0]
	f := &TLSFacts{
		Version: tls.VersionName(s.Version), Suite: tls.CipherSuiteName(s.CipherSuite),
		Issuer: p.scrub.clean(leaf.Issuer.String()), Expires: leaf.NotAfter.UTC().Format("2006-01-02"), Days: int(time.Until(leaf.NotAfter).Hours() / 24),
		AsksForCertificate: p.asksFor.Load(),
	}
	for _, name := range leaf.DNSNames {
		f.Names = append(f.Names, p.scrub.clean(name))
	}
	return f
}

// fail says why the API cannot be reached.
func (p *prober) fail(n *Network, err error) {
	n.Fault, n.Do = p.scrub.clean(reasonOf(err)), adviceFor(err)
}

// adviceFor says what to do where no answer has come.
func adviceFor(err error) string {
	var (
		dns      *net.DNSError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		alert    tls.AlertError
	)
	switch {
	case errors.As(err, &dns):
		return "look at the name, and at DNS as it is seen from here: an internal name needs the company's resolver"
	case errors.As(err, &unknown):
		return "name the authority that has signed the certificate in tls.ca_file of the upstream; a proxy that opens TLS has one of its own"
	case errors.As(err, &hostname):
		return "use the name that the certificate is for, or set tls.server_name of the upstream"
	case errors.As(err, &invalid):
		return "have the certificate renewed; look at this machine's clock as well"
	case errors.As(err, &record):
		return "this port does not speak TLS: write http://, or the port that does"
	case errors.As(err, &alert):
		return "the other side refuses the handshake: it may want a client certificate (tls.cert_file), or another name"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there: look at host and port"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "a firewall may swallow what goes there: look whether this machine may reach it, and whether it needs a forward proxy"
	}
	return "look at the network between this machine and the API"
}
