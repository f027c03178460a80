package token

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/identity/keyset"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// example is one of the RFCs, with its key. Those of RFC 7520 are from the cookbook of
// its authors (github.com/ietf-jose/cookbook, in the public domain).
type example struct {
	Name string
	Sign json.RawMessage // a public key
	Open json.RawMessage // a private one
	Text string
	// Want is signature: it verifies; opened: it opens, and there is no token inside;
	// nested: it passes as a whole; refused: for a reason that policies have.
	Want string
}

// everything allows what a policy can allow, so that an example is refused for itself.
func everything() Options {
	return Options{
		Issuers: []string{"hobbiton.example"}, Audiences: []string{"x"}, SigningKeys: []string{"file:/k"},
		DecryptionKeys: []string{"file:/d"}, Algorithms: algorithms, AllowNoExpiration: true,
	}
}

func TestExamplesOfTheRFCs(t *testing.T) {
	data := testkit.Read(t, "testdata/rfc.json")
	var examples []example
	if err := json.Unmarshal([]byte(data), &examples); err != nil || len(examples) < 15 {
		t.Fatalf("%d examples, %v", len(examples), err)
	}
	for _, e := range examples {
		t.Run(e.Name, func(t *testing.T) { e.check(t) })
	}
}

func (e example) check(t *testing.T) {
	x := &examination{text: e.Text, now: time.Unix(1300819000, 0)}
	var opening []*keyset.DecryptionKey
	if e.Open != nil {
		var err error
		if opening, err = keyset.ParseDecryption(e.Open); err != nil {
			t.Fatal(err)
		}
	}
	x.p = compile(t, everything(), opening...)
	refusal := runAll(x, Form, Encryption, Header)
	switch e.Want {
	case "refused":
		if refusal == nil {
			t.Error("accepted")
		}
		return
	case "opened":
		if refusal == nil || !x.opened || !strings.Contains(refusal.Text, "no signed token") {
			t.Errorf("not opened: %v", refusal)
		}
		return
	}
	if refusal != nil {
		t.Fatal(refusal)
	}
	x.sets = []*keyset.Set{set(t, "", string(e.Sign))}
	if e.Want == "nested" { // its inside names no key
		x.keys = x.sets[0].Find("hobbiton.example", x.alg)
		refusal = runAll(x, Payload, Issuer, Expiration, Signature)
	} else {
		refusal = runAll(x, Key, Signature)
	}
	if refusal != nil {
		t.Fatal(refusal)
	}
	x.jws = flip(x.jws)
	if runAll(x, Signature) == nil {
		t.Error("a signature of which a bit was changed verifies")
	}
}

func runAll(x *examination, list ...Check) *Refusal {
	for _, c := range list {
		if r := examine[c](x); r != nil {
			return r
		}
	}
	return nil
}
