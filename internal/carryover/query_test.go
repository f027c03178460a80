package carryover

import (
	"reflect"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestParametersComeBack: what becomes of a query is the same behind export and import.
func TestParametersComeBack(t *testing.T) {
	r, _ := exported(t, "query")
	before, err := config.Load(config.Options{File: "../export/testdata/query.yaml"})
	testkit.Must(t, err)
	if got, want := read(t, r.Configuration).Routes["openai"].Query, before.Routes["openai"].Query; !reflect.DeepEqual(got, want) {
		t.Errorf("query\n%+v\nwant\n%+v", got, want)
	}
}
