package proxy_test

import (
	"testing"

	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestMain holds that no test leaves a goroutine behind.
func TestMain(m *testing.M) { proxytest.Main(m) }
