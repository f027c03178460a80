//go:build e2e

package export

import (
	"os"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/testcert"
)

// certificate is what upstreams show over TLS.
var certificate *testcert.Certificate

// patience ends what would otherwise hang; it is no bound on speed.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	os.Exit(edge.Main(m, func(dir string) (err error) {
		certificate, err = testcert.New(dir, "export.test")
		return err
	}))
}
