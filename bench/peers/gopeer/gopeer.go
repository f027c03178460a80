// Package gopeer is what the bench's own Go peers share: flags, TLS, and the
// number of allocations for the bench to read.
package gopeer

import (
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"runtime/metrics"
)

// Options are the flags of a Go peer.
type Options struct {
	Address  string // to listen on
	Upstream string // host and port
	Admin    string // where /metrics is served
	CertFile string // with KeyFile: speak TLS with clients
	KeyFile  string
	CAFile   string // speak TLS with the upstream, and trust this
	Name     string // to verify the upstream by
}

// Flags declares the flags; the caller parses them.
func Flags() *Options {
	o := &Options{}
	flag.StringVar(&o.Address, "listen", "127.0.0.1:8080", "address for clients")
	flag.StringVar(&o.Upstream, "upstream", "127.0.0.1:9001", "host and port of the upstream")
	flag.StringVar(&o.Admin, "admin", "", "address for /metrics")
	flag.StringVar(&o.CertFile, "cert", "", "PEM file with a certificate: speak TLS with clients")
	flag.StringVar(&o.KeyFile, "key", "", "PEM file with its private key")
	flag.StringVar(&o.CAFile, "upstream-ca", "", "PEM file with authorities: speak TLS with the upstream")
	flag.StringVar(&o.Name, "upstream-name", "", "name to verify the upstream by")
	return o
}

// UpstreamTLS says whether the upstream leg is TLS.
func (o *Options) UpstreamTLS() bool { return o.CAFile != "" }

// ClientConfig is the TLS configuration of the upstream leg.
func (o *Options) ClientConfig() *tls.Config {
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: roots, ServerName: o.Name, ClientSessionCache: tls.NewLRUClientSessionCache(64)}
}

// Listen opens the listener for clients, with TLS where a certificate is given.
func (o *Options) Listen() net.Listener {
	listener, err := net.Listen("tcp", o.Address)
	if err != nil {
		log.Fatal(err)
	}
	if o.CertFile == "" {
		return listener
	}
	pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
	if err != nil {
		log.Fatal(err)
	}
	return tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}})
}

// ServeAllocations serves the number of heap objects allocated so far, under
// the name by which Prometheus' Go client tells it.
func (o *Options) ServeAllocations() {
	if o.Admin == "" {
		return
	}
	handler := func(w http.ResponseWriter, _ *http.Request) {
		sample := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/tiny/allocs:objects"}}
		metrics.Read(sample)
		fmt.Fprintf(w, "go_memstats_mallocs_total %d\n", sample[0].Value.Uint64()+sample[1].Value.Uint64())
	}
	go func() { log.Print(http.ListenAndServe(o.Admin, http.HandlerFunc(handler))) }()
}
