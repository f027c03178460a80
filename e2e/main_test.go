//go:build e2e

package e2e

import (
	"os"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
)

// The secrets that cross the edge. They are marked, so that a search of the
// log finds each of them, and shaped like real ones.
const (
	subscriptionKey = "0123456789abcdef0123e2ekey456789"
	otherKey        = "sk-e2eother0000000000000000000000000000000000000"
	// token is an unsigned look-alike of an Entra token: nobody here checks a
	// signature, everybody looks at the shape.
	token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsImtpZCI6ImUyZSJ9" +
		".eyJhdWQiOiJodHRwczovL2NvZ25pdGl2ZXNlcnZpY2VzLmF6dXJlLmNvbSIsImV4cCI6NDEwMjQ0NDgwMH0" +
		".ZTJldG9rZW4tc2lnbmF0dXJlLW9mLW5vYm9keQ"
)

// shared is the edge that the SDK tests go through. Tests that configure the
// edge start one of their own.
var shared *stage

func TestMain(m *testing.M) {
	code := edge.Main(m, func(dir string) (err error) {
		shared, err = startStage(dir)
		return err
	})
	if shared != nil {
		shared.Close()
	}
	os.Exit(code)
}
