// Command relay is the floor of the bench: it moves bytes between a client and
// the upstream and understands nothing. With a TLS upstream it is the floor of
// what TLS costs. No proxy that reads messages can be expected below it.
package main

import (
	"crypto/tls"
	"flag"
	"log"
	"net"

	"github.com/apim-edge/apim-edge/bench/peers/gopeer"
)

func main() {
	options := gopeer.Flags()
	flag.Parse()
	options.ServeAllocations()
	listener := options.Listen()
	var secured *tls.Config
	if options.UpstreamTLS() {
		secured = options.ClientConfig()
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go relay(client, options.Upstream, secured)
	}
}

// relay opens one upstream connection per client connection. Either side's end
// ends both.
func relay(client net.Conn, address string, secured *tls.Config) {
	defer client.Close()
	upstream, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer upstream.Close()
	if secured != nil {
		upstream = tls.Client(upstream, secured)
	}
	go func() {
		move(upstream, client)
		upstream.Close()
		client.Close()
	}()
	move(client, upstream)
}

func move(to, from net.Conn) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
