package proxytest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Main is the TestMain of a package that tests with an edge: it holds that no test
// leaves a goroutine behind.
func Main(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(filepath.Dir(authority().CertFile))
		os.Exit(code)
	}))
}

// Patience bounds what a test waits for; nothing takes that long unless it
// never comes.
const Patience = 20 * time.Second

// Eventually waits until ok; state says what is wrong if that never comes.
func Eventually(t testing.TB, ok func() bool, state func() string) {
	t.Helper()
	for end := time.Now().Add(Patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(state())
		}
	}
}
