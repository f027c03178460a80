//go:build e2e

package migration

import (
	"os"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
)

func TestMain(m *testing.M) {
	os.Exit(edge.Main(m, func(string) error { return nil }))
}
