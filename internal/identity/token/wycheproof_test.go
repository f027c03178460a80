//go:build wycheproof

package token

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/identity/keyset"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// The vectors of Project Wycheproof (github.com/c2sp/wycheproof), which .ci/wycheproof
// fetches: they are too large for this module. Their payloads are no claims, so that the
// checks of claims are left out.

type vectors struct {
	TestGroups []struct {
		Comment         string
		Public, Private json.RawMessage
		Tests           []vector
	}
}

type vector struct {
	TcID     int `json:"tcId"`
	Comment  string
	Flags    []string
	JWS, JWE string
	Result   string
}

func readVectors(t *testing.T, name string) (v vectors) {
	t.Helper()
	data := testkit.Read(t, filepath.Join(os.Getenv("WYCHEPROOF"), "testvectors_v1", name))
	testkit.JSON(t, data, &v)
	return v
}

func everySet(t *testing.T, text string, keys ...json.RawMessage) *Refusal {
	t.Helper()
	x := &examination{p: compile(t, everything()), text: text, now: now}
	for _, k := range keys {
		if parsed, _, err := keyset.Parse(k); err == nil {
			x.sets = []*keyset.Set{keyset.New("", parsed)}
			break
		}
	}
	return runAll(x, Form, Encryption, Header, Key, Signature)
}

// The vectors that come out otherwise than they say, and why. One that comes out as it
// says has to leave the list.
const (
	symmetric = "who can verify an HMAC can sign: no policy takes one"
	detached  = "an empty payload is no claims"
	salted    = "go-jose takes any length of salt; a signature of the right key all the same"
)

var signaturesThatDiffer = map[int]string{
	1: symmetric, 348: symmetric, 352: symmetric, 357: symmetric, 358: symmetric, 359: symmetric, 376: symmetric, 377: symmetric,
	259: detached, 264: detached, 268: detached, 272: detached, 320: detached, 325: detached,
	281: salted, 282: salted, 283: salted, 284: salted, 285: salted, 286: salted,
	346: "labelled PS256, but signed by PS384", 350: "labelled PS256, but signed by PS384",
	347: "the alg of the key is ES521, which is none", 351: "the alg of the key is ES521, which is none",
	372: "characters outside the alphabet are refused, not ignored", 373: "characters outside the alphabet are refused, not ignored",
}

var keysThatDiffer = map[int]string{
	2: symmetric, 13: symmetric, 14: symmetric, 15: symmetric,
	7: "an issuer that makes weak keys (ROCA) is trusted all the same",
}

const (
	oracle = "RSA1_5 is never allowed"
	direct = "the alg of the key is that of the content"
)

var encryptionThatDiffers = map[int]string{
	100: oracle, 101: oracle, 102: oracle, 103: oracle, 104: oracle, 105: oracle, 112: oracle, 128: oracle, 132: direct,
}

// compare holds one vector to what it says, or to the list.
func compare(t *testing.T, group string, v vector, accepted bool, differs map[int]string) {
	t.Helper()
	asSaid := accepted == (v.Result == "valid")
	if why, listed := differs[v.TcID]; asSaid == listed {
		t.Errorf("%s %d (%s, %v): accepted: %v; it says %s; listed as different: %q", group, v.TcID, v.Comment, v.Flags, accepted, v.Result, why)
	}
}

func TestWycheproofSignatures(t *testing.T) {
	for _, g := range readVectors(t, "json_web_signature_test.json").TestGroups {
		for _, v := range g.Tests {
			compare(t, g.Comment, v, everySet(t, v.JWS, g.Public, g.Private) == nil, signaturesThatDiffer)
		}
	}
}

func TestWycheproofKeys(t *testing.T) {
	for _, g := range readVectors(t, "json_web_key_test.json").TestGroups {
		for _, v := range g.Tests {
			compare(t, g.Comment, v, everySet(t, v.JWS, g.Public, g.Private) == nil, keysThatDiffer)
		}
	}
}

func TestWycheproofEncryption(t *testing.T) {
	for _, g := range readVectors(t, "json_web_encryption_test.json").TestGroups {
		keys, _ := keyset.ParseDecryption(g.Private)
		for _, v := range g.Tests {
			if slices.Contains(v.Flags, "CompressedPlaintext") {
				continue // never accepted: encryption_test.go
			}
			x := &examination{text: v.JWE, now: now}
			x.p = compile(t, everything(), keys...)
			r := runAll(x, Form, Encryption)
			opened := r == nil || strings.Contains(r.Text, "no signed token")
			compare(t, g.Comment, v, opened, encryptionThatDiffers)
		}
	}
}
