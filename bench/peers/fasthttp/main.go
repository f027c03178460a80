// Command fasthttp is a peer of the bench: the shortest proxy that fasthttp's
// own server and client allow, with the same rewrite and bodies streamed.
package main

import (
	"flag"
	"log"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/apim-edge/apim-edge/bench/peers/gopeer"
)

func main() {
	options := gopeer.Flags()
	flag.Parse()
	upstream := &fasthttp.HostClient{
		Addr:                          options.Upstream,
		MaxConns:                      65536,
		MaxIdleConnDuration:           100 * time.Second,
		StreamResponseBody:            true,
		DisablePathNormalizing:        true,
		NoDefaultUserAgentHeader:      true,
		DisableHeaderNamesNormalizing: false,
	}
	scheme := "http"
	if options.UpstreamTLS() {
		scheme = "https"
		upstream.IsTLS = true
		upstream.TLSConfig = options.ClientConfig()
	}
	server := &fasthttp.Server{
		StreamRequestBody:             true,
		MaxRequestBodySize:            1 << 40,
		DisablePreParseMultipartForm:  true,
		NoDefaultServerHeader:         true,
		NoDefaultContentType:          true,
		ReadBufferSize:                16 << 10,
		DisableHeaderNamesNormalizing: false,
		Handler: func(ctx *fasthttp.RequestCtx) {
			if key, ok := strings.CutPrefix(string(ctx.Request.Header.Peek("Authorization")), "Bearer "); ok {
				ctx.Request.Header.Set("api-key", key)
				ctx.Request.Header.Del("Authorization")
			}
			ctx.Request.URI().SetScheme(scheme) // it is taken for that of the upstream
			ctx.Response.ImmediateHeaderFlush = true
			if err := upstream.Do(&ctx.Request, &ctx.Response); err != nil {
				log.Print(err)
				ctx.Error("upstream failed", fasthttp.StatusBadGateway)
			}
		},
	}
	options.ServeAllocations()
	log.Fatal(server.Serve(options.Listen()))
}
