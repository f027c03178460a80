package token

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/identity/keyset"
)

// hostile is one token that somebody made by hand. All are rightly signed unless the
// name says otherwise.
type hostile struct {
	name string
	text string
	want Check // the check that refuses it
	code edgeerr.Code
}

// passing is the check of a token that is accepted.
const passing = checks

func invalid(name, text string, want Check) hostile {
	return hostile{name, text, want, edgeerr.TokenInvalid}
}

func passes(name, text string) hostile { return hostile{name, text, passing, edgeerr.None} }

// TestHostileTokens is the table of what libraries were found to accept and must not,
// and of the attacks of the years 2023 to 2026, with what each comes to here.
func TestHostileTokens(t *testing.T) {
	sets := goodSet(t)
	p := compile(t, partner())
	var all []hostile
	for _, part := range [][]hostile{goodTokens(), forms(), algorithmTokens(), headerTokens(), signatures(), times(), audiences(), payloads()} {
		all = append(all, part...)
	}
	if len(all) < 96 {
		t.Errorf("there are %d tokens, at least 96 are wanted", len(all))
	}
	seen := map[string]bool{}
	for _, tc := range all {
		if seen[tc.name] {
			t.Errorf("two tokens are named %q", tc.name)
		}
		seen[tc.name] = true
		t.Run(tc.name, func(t *testing.T) {
			v, r := p.Verify(tc.text, now, []*keyset.Set{sets})
			if tc.want == passing {
				if r != nil {
					t.Fatalf("refused: %v", r)
				}
				if v.Key == nil || v.Policy != p {
					t.Errorf("what was verified has key %v and policy %v", v.Key, v.Policy)
				}
				return
			}
			if r == nil {
				t.Fatal("accepted")
			}
			if r.Check != tc.want || r.Code != tc.code {
				t.Errorf("got %v (%v), want %v (%v): %s", r.Check, r.Code, tc.want, tc.code, r.Text)
			}
			if v != nil {
				t.Error("a token that is refused was handed out as verified")
			}
			consistent(t, p, tc.text, r)
		})
	}
}

// consistent holds that explain says what the data path does.
func consistent(t *testing.T, p *Policy, text string, r *Refusal) {
	t.Helper()
	for _, f := range p.Explain(text, now, []*keyset.Set{goodSet(t)}) {
		if f.Refusal != nil {
			if f.Check != r.Check || f.Refusal.Text != r.Text {
				t.Errorf("explain says %v, the data path %v", f.Refusal, r)
			}
			return
		}
	}
	t.Error("explain finds nothing wrong")
}

func goodTokens() []hostile {
	return []hostile{
		passes("a good token, RS256", sign("RS256", goodHeader, goodPayload)),
		passes("a good token, ES256", sign("ES256", `{"alg":"ES256","kid":"e1"}`, goodPayload)),
		passes("typ at+jwt", sign("RS256", `{"alg":"RS256","kid":"r1","typ":"at+jwt"}`, goodPayload)),
		passes("typ in another case", sign("RS256", `{"alg":"RS256","kid":"r1","typ":"AT+JWT"}`, goodPayload)),
		passes("typ with application/", sign("RS256", `{"alg":"RS256","kid":"r1","typ":"application/at+jwt"}`, goodPayload)),
		passes("blanks in the header's JSON", sign("RS256", `{ "alg" : "RS256" , "kid" : "r1" }`, goodPayload)),
		passes("jku and x5u that lead nowhere are not looked at", sign("RS256", `{"alg":"RS256","kid":"r1","jku":"http://127.0.0.1:1/","x5u":"http://127.0.0.1:1/"}`, goodPayload)),
		passes("iat in the future", sign("RS256", goodHeader, changed(map[string]string{"iat": "1800009999"}))),
		passes("no nbf", sign("RS256", goodHeader, changed(map[string]string{"nbf": ""}))),
		passes("nbf exactly now", sign("RS256", goodHeader, changed(map[string]string{"nbf": "1800000000"}))),
		passes("exp with a fraction", sign("RS256", goodHeader, changed(map[string]string{"exp": "1800000001.9"}))),
		passes("aud is a list with the right one", sign("RS256", goodHeader, changed(map[string]string{"aud": `["x","https://models.example.com"]`}))),
		passes("the other ECDSA signature of one payload (n-s)", otherHalf()),
	}
}

func forms() []hostile {
	good := sign("RS256", goodHeader, goodPayload)
	parts := strings.Split(good, ".")
	last := good[len(good)-1]
	sig := signature("RS256", parts[0]+"."+parts[1])
	return []hostile{
		invalid("nothing", "", Form),
		invalid("a subscription key", "0123456789abcdef0123456789abcdef", Form),
		invalid("two parts", parts[0]+"."+parts[1], Form),
		invalid("four parts", good+".x", Form),
		invalid("only dots", strings.Repeat(".", 16_000), Form),
		invalid("longer than 16 KiB", good+strings.Repeat("A", 16<<10), Form),
		invalid("an empty signature", parts[0]+"."+parts[1]+".", Form),
		invalid("an empty payload: detached", parts[0]+".."+parts[2], Form),
		invalid("an empty header", "."+parts[1]+"."+parts[2], Form),
		invalid("a line end behind it", good+"\n", Form),
		invalid("a line end inside", good[:20]+"\n"+good[20:], Form),
		invalid("a space in front", " "+good, Form),
		invalid("the signature with padding", parts[0]+"."+parts[1]+"."+base64.URLEncoding.EncodeToString(sig), Form),
		invalid("the signature in the standard alphabet", parts[0]+"."+parts[1]+"."+standardAlphabet(sig), Form),
		invalid("another last character for the same bytes", good[:len(good)-1]+string(twin(last)), Form),
		invalid("flattened JSON", fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2]), Form),
		invalid("general JSON", fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, parts[1], parts[0], parts[2]), Form),
		invalid("five parts, and nothing can be opened", strings.Join([]string{text(`{"alg":"dir","enc":"A256GCM"}`), "", "AAAA", "AAAA", "AAAA"}, "."), Encryption),
		invalid("an opaque credential that is a JWE itself", strings.Join([]string{text(`{"alg":"A256GCMKW","enc":"A256GCM","iv":"AAAA","tag":"AAAA"}`), "AAAA", "AAAA", "AAAA", "AAAA"}, "."), Encryption),
		invalid("a part of one character", "e."+parts[1]+"."+parts[2], Form),
		invalid("a character beyond ASCII", good+"\u00e9", Form),
	}
}

func algorithmTokens() []hostile {
	pub := &rsaKey().PublicKey
	pkix := mustKey(x509.MarshalPKIXPublicKey(pub))
	pkcs1 := x509.MarshalPKCS1PublicKey(pub)
	confused := `{"alg":"HS256","kid":"r1"}`
	var list []hostile
	for _, none := range []string{"none", "None", "NONE", "nOnE", "", "null"} {
		list = append(list, invalid(fmt.Sprintf("alg %q", none), text(`{"alg":"`+none+`","kid":"r1"}`)+"."+text(goodPayload)+".AA", Header))
	}
	return append(list,
		invalid("alg none and no signature", text(`{"alg":"none","kid":"r1"}`)+"."+text(goodPayload)+".", Form),
		invalid("HS256 by the public key in PEM", hs256(publicPEM(pub), confused, goodPayload), Header),
		invalid("HS256 by the public key in PKIX", hs256(pkix, confused, goodPayload), Header),
		invalid("HS256 by the public key in PKCS#1", hs256(pkcs1, confused, goodPayload), Header),
		invalid("HS256 by the PEM of PKCS#1", hs256(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1}), confused, goodPayload), Header),
		invalid("HS256 by the modulus", hs256(pub.N.Bytes(), confused, goodPayload), Header),
		invalid("HS256 by the empty key", hs256(nil, confused, goodPayload), Header),
		invalid("HS384", hs256([]byte("k"), `{"alg":"HS384","kid":"r1"}`, goodPayload), Header),
		invalid("PS256 outside the list", sign("PS256", `{"alg":"PS256","kid":"r1"}`, goodPayload), Header),
		invalid("RS384 outside the list", sign("RS384", `{"alg":"RS384","kid":"r1"}`, goodPayload), Header),
		invalid("RS512 outside the list", sign("RS512", `{"alg":"RS512","kid":"r1"}`, goodPayload), Header),
		invalid("alg in another case", sign("RS256", `{"alg":"rs256","kid":"r1"}`, goodPayload), Header),
		invalid("the member ALG", sign("RS256", `{"ALG":"RS256","kid":"r1"}`, goodPayload), Header),
		invalid("no alg", sign("RS256", `{"kid":"r1"}`, goodPayload), Header),
		invalid("alg is a number", sign("RS256", `{"alg":256,"kid":"r1"}`, goodPayload), Header),
		invalid("alg is a list", sign("RS256", `{"alg":["RS256"],"kid":"r1"}`, goodPayload), Header),
		invalid("alg twice, none first", sign("RS256", `{"alg":"none","alg":"RS256","kid":"r1"}`, goodPayload), Header),
		invalid("alg twice, none last", sign("RS256", `{"alg":"RS256","alg":"none","kid":"r1"}`, goodPayload), Header),
		invalid("alg twice, one escaped", sign("RS256", `{"alg":"RS256","\u0061lg":"none","kid":"r1"}`, goodPayload), Header),
		invalid("ES256 with the id of the RSA key", sign("ES256", `{"alg":"ES256","kid":"r1"}`, goodPayload), Key),
		invalid("RS256 with the id of the EC key", sign("RS256", `{"alg":"RS256","kid":"e1"}`, goodPayload), Key),
	)
}

func headerTokens() []hostile {
	header := func(name, more string, want Check) hostile {
		return invalid(name, sign("RS256", `{"alg":"RS256","kid":"r1"`+more+`}`, goodPayload), want)
	}
	embedded := jwk(&otherRSA().PublicKey, "r1", "")
	return []hostile{
		header("crit of an unknown extension", `,"crit":["foo"],"foo":1`, Header),
		header("crit of exp", `,"crit":["exp"],"exp":1800000600`, Header),
		header("an empty crit", `,"crit":[]`, Header),
		header("crit null", `,"crit":null`, Header),
		header("crit is a text", `,"crit":"b64"`, Header),
		header("b64 false without crit", `,"b64":false`, Header),
		header("b64 false with crit", `,"b64":false,"crit":["b64"]`, Header),
		header("b64 true", `,"b64":true`, Header),
		header("zip", `,"zip":"DEF"`, Header),
		header("typ dpop+jwt", `,"typ":"dpop+jwt"`, Header),
		header("typ logout+jwt", `,"typ":"logout+jwt"`, Header),
		header("typ is a number", `,"typ":1`, Header),
		header("typ empty", `,"typ":""`, Header),
		header("a token for Microsoft Graph: nonce", `,"nonce":"abc"`, Header),
		header("kid twice", `,"kid":"e1"`, Header),
		invalid("an embedded jwk that has signed", text(`{"alg":"RS256","kid":"r1","jwk":`+embedded+`}`)+"."+text(goodPayload)+"."+
			b64(signature("other", text(`{"alg":"RS256","kid":"r1","jwk":`+embedded+`}`)+"."+text(goodPayload))), Signature),
		invalid("no kid", sign("RS256", `{"alg":"RS256"}`, goodPayload), Key),
		invalid("an empty kid", sign("RS256", `{"alg":"RS256","kid":""}`, goodPayload), Header),
		invalid("kid null", sign("RS256", `{"alg":"RS256","kid":null}`, goodPayload), Header),
		invalid("kid is a number", sign("RS256", `{"alg":"RS256","kid":1}`, goodPayload), Header),
		invalid("kid is a path", sign("RS256", `{"alg":"RS256","kid":"../../dev/null"}`, goodPayload), Key),
		invalid("kid is SQL", sign("RS256", `{"alg":"RS256","kid":"x' UNION SELECT 'k"}`, goodPayload), Key),
		invalid("kid is a URL", sign("RS256", `{"alg":"RS256","kid":"http://127.0.0.1:1/k"}`, goodPayload), Key),
		invalid("a long kid", sign("RS256", `{"alg":"RS256","kid":"`+strings.Repeat("k", 8000)+`"}`, goodPayload), Key),
		invalid("an unknown kid", sign("RS256", `{"alg":"RS256","kid":"r2"}`, goodPayload), Key),
		invalid("a kid in another case", sign("RS256", `{"alg":"RS256","kid":"R1"}`, goodPayload), Key),
		invalid("the header is a list", sign("RS256", `["alg","RS256"]`, goodPayload), Header),
		invalid("the header is null", sign("RS256", `null`, goodPayload), Header),
		invalid("text behind the header's JSON", sign("RS256", goodHeader+"x", goodPayload), Header),
		invalid("the header is not UTF-8", sign("RS256", "{\"alg\":\"RS256\",\"kid\":\"r1\",\"x\":\"\xff\"}", goodPayload), Header),
	}
}

func signatures() []hostile {
	input := text(`{"alg":"ES256","kid":"e1"}`) + "." + text(goodPayload)
	es := signature("ES256", input)
	order := ecKey().Params().N
	r := new(big.Int).SetBytes(es[:32])
	s := new(big.Int).SetBytes(es[32:])
	good := sign("RS256", goodHeader, goodPayload)
	of := func(sig []byte) string { return input + "." + b64(sig) }
	der := append([]byte{0x30, 0x44, 0x02, 0x20}, es[:32]...)
	der = append(append(der, 0x02, 0x20), es[32:]...)
	return []hostile{
		invalid("signed by another key", text(goodHeader)+"."+text(goodPayload)+"."+b64(signature("other", text(goodHeader)+"."+text(goodPayload))), Signature),
		invalid("the payload exchanged", swapPayload(good, changed(map[string]string{"sub": `"admin"`})), Signature),
		invalid("r = s = 0", of(make([]byte, 64)), Signature),
		invalid("s = 0", of(append(es[:32:32], make([]byte, 32)...)), Signature),
		invalid("r = n", of(pair(order, s, 32)), Signature),
		invalid("s = n", of(pair(r, order, 32)), Signature),
		invalid("an ECDSA signature in DER", of(der), Signature),
		invalid("an ECDSA signature that is short", of(es[:63]), Signature),
		invalid("an ECDSA signature that is long", of(append(es[:64:64], 0)), Signature),
		invalid("an RSA signature of zeros", text(goodHeader)+"."+text(goodPayload)+"."+b64(make([]byte, 256)), Signature),
		invalid("an RSA signature that is long", text(goodHeader)+"."+text(goodPayload)+"."+b64(make([]byte, 512)), Signature),
		invalid("one bit of the signature", flip(good), Signature),
	}
}

func times() []hostile {
	exp := func(name, value string, want Check) hostile {
		return invalid(name, sign("RS256", goodHeader, changed(map[string]string{"exp": value})), want)
	}
	expired := func(name, value string) hostile {
		return hostile{name, sign("RS256", goodHeader, changed(map[string]string{"exp": value})), Expiration, edgeerr.TokenExpired}
	}
	nbf := func(name, value string) hostile {
		return invalid(name, sign("RS256", goodHeader, changed(map[string]string{"nbf": value})), NotBefore)
	}
	return []hostile{
		exp("no exp", "", Expiration),
		exp("exp null", "null", Expiration),
		exp("exp is a text of digits", `"1800000600"`, Expiration),
		exp("exp is a date", `"2027-01-15T08:10:00Z"`, Expiration),
		exp("exp 1e30", "1e30", Expiration),
		exp("exp 1e400", "1e400", Expiration),
		exp("exp beyond 64 bits", "99999999999999999999", Expiration),
		exp("exp true", "true", Expiration),
		exp("exp negative", "-1", Expiration),
		exp("exp is a list", "[1800000600]", Expiration),
		expired("exp 0", "0"),
		expired("exp exactly now", "1800000000"),
		expired("exp a second ago", "1799999999"),
		expired("exp now and a fraction", "1800000000.9"),
		invalid("exp twice, the good one last", sign("RS256", goodHeader, strings.Replace(goodPayload, `"exp"`, `"exp":1,"exp"`, 1)), Payload),
		invalid("exp right only in another case", sign("RS256", goodHeader, strings.Replace(goodPayload, `"exp"`, `"EXP"`, 1)), Expiration),
		nbf("nbf in five seconds", "1800000005"),
		nbf("nbf is a text", `"1799999000"`),
		nbf("nbf null", "null"),
		nbf("nbf 1e400", "1e400"),
	}
}

func audiences() []hostile {
	aud := func(name, value string) hostile {
		return invalid(name, sign("RS256", goodHeader, changed(map[string]string{"aud": value})), Audience)
	}
	iss := func(name, value string) hostile {
		return invalid(name, sign("RS256", goodHeader, changed(map[string]string{"iss": value})), Issuer)
	}
	return []hostile{
		aud("no aud", ""),
		aud("aud null", "null"),
		aud("aud of another API", `"https://other.example.com"`),
		aud("aud is a prefix", `"https://models.example"`),
		aud("aud goes on", `"https://models.example.com.evil.test"`),
		aud("aud in another case", `"HTTPS://models.example.com"`),
		aud("aud with a slash", `"https://models.example.com/"`),
		aud("aud is an object", `{"https://models.example.com":1}`),
		aud("aud is a mixed list with the right one", `["https://models.example.com",1]`),
		aud("aud is a list with null", `["https://models.example.com",null]`),
		aud("aud is an empty list", `[]`),
		aud("a token for Microsoft Graph: aud", `"https://graph.microsoft.com"`),
		aud("a token for Microsoft Graph: id", `"00000003-0000-0000-c000-000000000000"`),
		invalid("aud twice, the good one last", sign("RS256", goodHeader, strings.Replace(goodPayload, `"aud"`, `"aud":"x","aud"`, 1)), Payload),
		invalid("aud right only in another case of its name", sign("RS256", goodHeader, strings.Replace(goodPayload, `"aud"`, `"AUD"`, 1)), Audience),
		invalid("iss right only in another case of its name", sign("RS256", goodHeader, strings.Replace(goodPayload, `"iss"`, `"ISS"`, 1)), Issuer),
		iss("no iss", ""),
		iss("iss null", "null"),
		iss("iss of another", `"https://evil.example.com"`),
		iss("iss with a slash", `"https://id.example.com/"`),
		iss("iss is a prefix", `"https://id.example"`),
		iss("iss goes on", `"https://id.example.com.evil.test"`),
		iss("iss in another case", `"https://ID.example.com"`),
		iss("iss is a list with the right one", `["https://id.example.com"]`),
		iss("iss is a URL of loopback", `"http://127.0.0.1:1/"`),
	}
}

func payloads() []hostile {
	return []hostile{
		invalid("the payload is a list", sign("RS256", goodHeader, "["+goodPayload+"]"), Payload),
		invalid("the payload is null", sign("RS256", goodHeader, "null"), Payload),
		invalid("the payload is a token", sign("RS256", `{"alg":"RS256","kid":"r1","cty":"JWT"}`, sign("RS256", goodHeader, goodPayload)), Payload),
		invalid("text behind the payload's JSON", sign("RS256", goodHeader, goodPayload+"x"), Payload),
		invalid("a second object behind it", sign("RS256", goodHeader, goodPayload+goodPayload), Payload),
		invalid("the payload is not UTF-8", sign("RS256", goodHeader, strings.Replace(goodPayload, `"sub":"s"`, "\"sub\":\"\xff\"", 1)), Payload),
		invalid("a byte order mark", sign("RS256", goodHeader, "\ufeff"+goodPayload), Payload),
		invalid("members twice deep inside", sign("RS256", goodHeader, changed(map[string]string{"x": `{"a":1,"a":2}`})), Payload),
		invalid("nested 6,000 deep", sign("RS256", goodHeader, changed(map[string]string{"x": strings.Repeat("[", 6000)})), Payload),
		invalid("nested 20,000 deep is longer than any token", sign("RS256", goodHeader, changed(map[string]string{"x": strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)})), Form),
	}
}

// otherHalf returns the second of the two ECDSA signatures that each payload has.
func otherHalf() string {
	input := text(`{"alg":"ES256","kid":"e1"}`) + "." + text(goodPayload)
	sig := signature("ES256", input)
	s := new(big.Int).SetBytes(sig[32:])
	return input + "." + b64(pair(new(big.Int).SetBytes(sig[:32]), s.Sub(ecKey().Params().N, s), 32))
}

// standardAlphabet writes bytes with + and /: they are chosen so that both differ.
func standardAlphabet(sig []byte) string {
	sig = append(sig[:len(sig):len(sig)], 0xfb, 0xff, 0xfe)
	return base64.RawStdEncoding.EncodeToString(sig)
}

// twin returns another character that decodes to the same bytes at the end of 256 bytes.
func twin(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)|1]
}

func swapPayload(token, payload string) string {
	parts := strings.Split(token, ".")
	return parts[0] + "." + text(payload) + "." + parts[2]
}

func flip(token string) string {
	at := strings.LastIndexByte(token, '.')
	sig := mustKey(base64.RawURLEncoding.DecodeString(token[at+1:]))
	sig[10] ^= 1
	return token[:at+1] + b64(sig)
}

// A refusal repeats nothing that the token says: it ends in a log and in an answer.
func TestARefusalRepeatsNothingOfTheToken(t *testing.T) {
	const canary = "cAnArY-7f3a"
	p := compile(t, partner())
	sets := []*keyset.Set{goodSet(t)}
	for _, tc := range []string{
		canary, canary + "." + canary + "." + canary,
		sign("RS256", `{"alg":"`+canary+`","kid":"r1"}`, goodPayload),
		sign("RS256", `{"alg":"RS256","kid":"`+canary+`"}`, goodPayload),
		sign("RS256", `{"alg":"RS256","kid":"r1","typ":"`+canary+`"}`, goodPayload),
		sign("RS256", `{"alg":"RS256","kid":"r1","`+canary+`"`, goodPayload),
		sign("RS256", goodHeader, changed(map[string]string{"iss": `"` + canary + `"`})),
		sign("RS256", goodHeader, changed(map[string]string{"aud": `"` + canary + `"`})),
		sign("RS256", goodHeader, changed(map[string]string{"exp": `"` + canary + `"`})),
		sign("RS256", goodHeader, goodPayload+canary),
	} {
		_, r := p.Verify(tc, now, sets)
		if r == nil {
			t.Fatalf("%s is accepted", tc)
		}
		sum := sha256.Sum256([]byte(tc))
		if strings.Contains(r.Error(), canary) || strings.Contains(r.Error(), tc) && tc != "" || strings.Contains(r.Error(), b64(sum[:])) {
			t.Errorf("%q repeats what the token says", r.Error())
		}
	}
}
