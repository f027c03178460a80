// Command reverseproxy is a peer of the bench: the standard library's
// httputil.ReverseProxy with the same rewrite, every event flushed at once.
package main

import (
	"crypto/tls"
	"flag"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/bench/peers/gopeer"
)

func main() {
	options := gopeer.Flags()
	flag.Parse()
	upstream := &url.URL{Scheme: "http", Host: options.Upstream}
	transport := &http.Transport{MaxIdleConnsPerHost: 1024, IdleConnTimeout: 100 * time.Second, DisableCompression: true}
	if options.UpstreamTLS() {
		upstream.Scheme = "https"
		transport.TLSClientConfig = options.ClientConfig()
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{} // HTTP/1.1, as all peers
	}
	proxy := &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			if key, ok := strings.CutPrefix(r.In.Header.Get("Authorization"), "Bearer "); ok {
				r.Out.Header.Set("api-key", key)
				r.Out.Header.Del("Authorization")
			}
		},
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// without it the library now and then cuts an answer: https://go.dev/issue/40747
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			log.Fatal(err)
		}
		proxy.ServeHTTP(w, r)
	})
	server := &http.Server{Handler: handler, TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}}
	options.ServeAllocations()
	log.Fatal(server.Serve(options.Listen()))
}
