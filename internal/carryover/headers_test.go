package carryover

import (
	"reflect"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestHeadersComeBack: which fields a request must have is the same behind export and
// import, save for values that did not stand in variables.
func TestHeadersComeBack(t *testing.T) {
	r, _ := exported(t, "headers")
	before, err := config.Load(config.Options{File: "../export/testdata/headers.yaml"})
	testkit.Must(t, err)
	want := before.Routes["openai"].Require.Headers
	want["X-Azure-FDID"].Values[1] = "env:APIM_EDGE_OPENAI_X_AZURE_FDID_2"
	if got := read(t, r.Configuration).Routes["openai"].Require.Headers; !reflect.DeepEqual(got, want) {
		t.Errorf("fields\n%+v\nwant\n%+v", got, want)
	}
}
