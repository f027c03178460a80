//go:build e2e

package export

import (
	"os"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/testcert"
)

// certificate is what upstreams show over TLS.
var certificate *testcert.Certificate

func TestMain(m *testing.M) {
	os.Exit(edge.Main(m, func(dir string) (err error) {
		certificate, err = testcert.New(dir, "export.test")
		return err
	}))
}
