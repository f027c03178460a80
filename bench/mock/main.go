// Command mock is the bench's upstream as a process of its own, so that its CPU
// time is never taken for a proxy's. The bench starts it; by hand:
//
//	go run ./bench/mock --plain 127.0.0.1:9001 --control 127.0.0.1:9003
package main

import (
	"crypto/tls"
	"flag"
	"log"
	"net"
	"net/http"
	"runtime"

	"github.com/apim-edge/apim-edge/bench/internal/mock"
)

func main() {
	plain := flag.String("plain", "127.0.0.1:0", "address for plain HTTP")
	secure := flag.String("tls", "", "address for HTTPS")
	control := flag.String("control", "", "address for /stats and /departure")
	cert := flag.String("cert", "", "PEM file with the certificate for --tls")
	key := flag.String("key", "", "PEM file with the private key for --tls")
	flag.Parse()
	// One share of the scheduler is the pacer's, one is everybody else's.
	runtime.GOMAXPROCS(2)

	server := mock.New()
	failed := make(chan error, 3)
	go func() { failed <- server.Serve(listen(*plain), nil) }()
	if *secure != "" {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		if err != nil {
			log.Fatalf("mock: certificate: %v", err)
		}
		// Dynamic sizing would send a large body in many small records first.
		config := &tls.Config{Certificates: []tls.Certificate{pair}, DynamicRecordSizingDisabled: true}
		go func() { failed <- server.Serve(listen(*secure), config) }()
	}
	if *control != "" {
		go func() { failed <- http.Serve(listen(*control), server.Control()) }()
	}
	log.Fatal(<-failed)
}

func listen(address string) net.Listener {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatalf("mock: %v", err)
	}
	return listener
}
