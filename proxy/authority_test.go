package proxy_test

import (
	"os"
	"sync"

	"github.com/apim-edge/apim-edge/internal/testcert"
)

// authority returns the certificate of this process, which is its own authority.
// TestMain removes its files.
var authority = sync.OnceValue(func() *testcert.Certificate {
	dir, err := os.MkdirTemp("", "apim-edge-proxy")
	if err != nil {
		panic(err)
	}
	made, err := testcert.New(dir, "edge.test")
	if err != nil {
		panic(err)
	}
	return made
})
