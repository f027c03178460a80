package identity

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/internal/identity/issuer"
	"github.com/apim-edge/apim-edge/internal/identity/token"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/rewrite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const audience = "api://edge"

var address = netip.MustParseAddr("192.0.2.1")

// stand makes a gate with one policy for an issuer, and waits for its keys.
func stand(t testing.TB, i *identitytest.Issuer, change func(*token.Options), keep ...string) (*Guard, *Gate) {
	t.Helper()
	g := NewGuard(issuer.Options{})
	return g, gateOf(t, g, i, change, keep...)
}

func gateOf(t testing.TB, g *Guard, i *identitytest.Issuer, change func(*token.Options), keep ...string) *Gate {
	t.Helper()
	o := token.Options{OpenIDConfigs: []string{i.Metadata}, Audiences: []string{audience}}
	if change != nil {
		change(&o)
	}
	p, err := g.Policy("partner", o, keep)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Release(p); g.Sources().Close() })
	awaitKeys(t, g)
	return &Gate{Route: "openai", Policies: []*Policy{p}}
}

// awaitKeys waits until the keys of all issuers are there.
func awaitKeys(t testing.TB, g *Guard) {
	t.Helper()
	testkit.Await(t, "the keys of all issuers are there", func() bool { return g.Sources().Unreached() == "" }, g.Sources().Unreached)
}

// judge does what an exchange does, work included.
func judge(g *Gate, c *Cache, r *Request) (o Outcome, worked bool) {
	return judgeFrom(address, g, c, r)
}

func judgeFrom(from netip.Addr, g *Gate, c *Cache, r *Request) (o Outcome, worked bool) {
	o, work := g.Judge(c, r, nil, time.Now())
	if work == nil {
		return o, false
	}
	work.From = from
	verdicts := work.Do(context.Background())
	work.Remember(c, verdicts, time.Now())
	o, _ = g.Judge(c, r, verdicts, time.Now())
	return o, true
}

func of(text string) *Request { return &Request{Token: []byte(text)} }

func TestATokenIsVerifiedOnce(t *testing.T) {
	i := identitytest.Start(t)
	guard, g := stand(t, i, nil)
	c, text := NewCache(), i.Token(audience, nil)
	for n := range 5 {
		o, worked := judge(g, c, of(text))
		if o.Code != edgeerr.None || o.Passed == nil || worked != (n == 0) {
			t.Fatalf("time %d: %v, worked %v", n, o, worked)
		}
	}
	if guard.Fresh.Load() != 1 || guard.Repeated.Load() != 4 {
		t.Errorf("fresh %d, repeated %d", guard.Fresh.Load(), guard.Repeated.Load())
	}
	if o, worked := judge(g, NewCache(), of(text)); o.Code != edgeerr.None || !worked {
		t.Error("another loop has not verified it")
	}
}

func TestAVerdictEndsWithItsKey(t *testing.T) {
	i := identitytest.Start(t)
	_, g := stand(t, i, nil)
	c, text := NewCache(), i.Token(audience, nil)
	judge(g, c, of(text))
	i.Rotate()
	i.Withdraw()
	if o, _ := judge(g, c, of(i.Token(audience, nil))); o.Code != edgeerr.None { // makes the source look
		t.Fatalf("the new key: %v", o)
	}
	if o, worked := judge(g, c, of(text)); o.Code != edgeerr.TokenInvalid || !worked {
		t.Errorf("a token of the key that was withdrawn: %v, worked %v", o, worked)
	}
}

func TestARefusalIsRememberedForAMoment(t *testing.T) {
	i := identitytest.Start(t)
	guard, g := stand(t, i, nil)
	c := NewCache()
	wrong := of(i.Token("api://other", nil))
	for range 10 {
		if o, _ := judge(g, c, wrong); o.Code != edgeerr.TokenInvalid {
			t.Fatal(o)
		}
	}
	if n := guard.Fresh.Load(); n > 2 {
		t.Errorf("it was verified %d times", n)
	}
	unknown := of(i.Unknown(audience, "nowhere"))
	judge(g, c, unknown)
	if _, worked := judge(g, c, unknown); !worked {
		t.Error("a token whose key may come is refused from memory")
	}
}

func TestGarbageDrivesOutNothingGood(t *testing.T) {
	i := identitytest.Start(t)
	_, g := stand(t, i, nil)
	c, text := NewCache(), i.Token(audience, nil)
	judge(g, c, of(text))
	for n := range 3000 {
		judge(g, c, of(fmt.Sprint("eyJhbGciOiJSUzI1NiJ9.", strings.Repeat("e30", 400), n, ".AAAA")))
	}
	if _, worked := judge(g, c, of(text)); worked {
		t.Error("the good token is forgotten")
	}
	if got := c.passed.Bytes() + c.refused.Bytes(); got > passedBytes+refusedBytes {
		t.Errorf("%d bytes are remembered", got)
	}
}

// A flood of unknown keys from one address costs the issuer no more than a few questions,
// and others nothing.
func TestUnknownKeysAreCountedAgainstTheirSender(t *testing.T) {
	i := identitytest.Start(t)
	_, g := stand(t, i, nil)
	c := NewCache()
	good := of(i.Token(audience, nil))
	judge(g, c, good)
	var all sync.WaitGroup
	codes := make([]edgeerr.Code, 60)
	for n := range codes {
		all.Go(func() {
			work := &Work{gate: g, From: address}
			work.take(of(i.Unknown(audience, fmt.Sprint("invented-", n))))
			codes[n] = work.Do(context.Background())[0].Refusal.Code
		})
	}
	all.Wait()
	work := &Work{gate: g, From: address}
	work.take(of(i.Unknown(audience, "one more")))
	if v := work.Do(context.Background())[0]; v.Refusal.Code != edgeerr.EdgeOverloaded {
		t.Errorf("one more: %v", v.Refusal)
	}
	if n := i.Asked(); n > 12 {
		t.Errorf("the issuer was asked %d times", n)
	}
	if o, worked := judge(g, c, good); o.Code != edgeerr.None || worked {
		t.Errorf("who shares the address is refused: %v", o)
	}
	i.Rotate()
	if o, _ := judgeFrom(netip.MustParseAddr("2001:db8::1"), g, c, of(i.Token(audience, nil))); o.Code != edgeerr.None {
		t.Errorf("another sender, with a rotated key: %v", o)
	}
}

func TestAnIssuerThatHangsHoldsNobodyForLong(t *testing.T) {
	i := identitytest.Start(t)
	_, g := stand(t, i, nil)
	i.Misbehave(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	defer i.Misbehave(nil)
	ctx, cancel := context.WithCancel(t.Context())
	work := &Work{gate: g, From: address}
	work.take(of(i.Unknown(audience, "x")))
	done := make(chan Verdict, 1)
	go func() { done <- work.Do(ctx)[0] }()
	cancel() // the client has left
	if v := <-done; v.Refusal == nil {
		t.Error("a token with an unknown key passes")
	}
}

func TestWhichRefusalIsTold(t *testing.T) {
	a, b := identitytest.Start(t), identitytest.Start(t)
	guard, g := stand(t, a, nil)
	g.Policies = append(g.Policies, gateOf(t, guard, b, func(o *token.Options) { o.RequiredClaims = map[string]token.Claim{"roles": {}} }).Policies...)
	for _, tc := range []struct {
		name, text, check string
		code              edgeerr.Code
	}{
		{"one of the first", a.Token(audience, nil), "", edgeerr.None},
		{"of the second, which has come further there", b.Token(audience, nil), "required_claims", edgeerr.ClaimMissing},
		{"of the first, for another API", a.Token("x", nil), "audience", edgeerr.TokenInvalid},
		{"of nobody", identitytest.Offline("https://x.example.com").Token(audience, nil), "issuer", edgeerr.TokenInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, c := range []*Cache{NewCache(), NewCache()} {
				o, _ := judge(g, c, of(tc.text))
				again, _ := judge(g, c, of(tc.text))
				if o.Code != tc.code || o.Check != tc.check || again.Code != o.Code || again.Check != o.Check {
					t.Errorf("got %v %q, then %v %q; want %v %q", o.Code, o.Check, again.Code, again.Check, tc.code, tc.check)
				}
			}
		})
	}
}

func TestCallers(t *testing.T) {
	i := identitytest.Start(t)
	_, g := stand(t, i, nil, "sub", "roles")
	caller := func(more identitytest.Claims) Caller {
		o, _ := judge(g, NewCache(), of(i.Token(audience, more)))
		return o.Passed.Caller
	}
	me := caller(identitytest.Claims{"sub": "me", "azp": "app"})
	if me.Application != "app" || me.Hash == [16]byte{} {
		t.Errorf("caller %+v", me)
	}
	if again := caller(identitytest.Claims{"sub": "me", "azp": "app", "jti": "x"}); again != me {
		t.Error("another token makes another caller")
	}
	for _, other := range []identitytest.Claims{{"sub": "you", "azp": "app"}, {"sub": "me", "azp": "app2"}, {"sub": "me", "oid": "o", "azp": "app"}, {"sub": "me"}} {
		if caller(other) == me {
			t.Errorf("%v is the same caller", other)
		}
	}
	o, _ := judge(g, NewCache(), of(i.Token(audience, identitytest.Claims{"roles": []string{"a", "b"}})))
	if o.Passed.Value("roles") != "a,b" || o.Passed.Value("sub") != "somebody" || o.Passed.Value("exp") != "" {
		t.Errorf("roles %q, sub %q, exp %q", o.Passed.Value("roles"), o.Passed.Value("sub"), o.Passed.Value("exp"))
	}
}

func TestFieldValue(t *testing.T) {
	for _, tc := range []struct {
		values []string
		want   string
	}{
		{nil, ""},
		{[]string{"a b"}, "a b"},
		{[]string{" a "}, "%20a%20"},
		{[]string{"a", "b,c"}, "a,b%2Cc"},
		{[]string{"100%"}, "100%25"},
		{[]string{"a\r\nX: y"}, "a%0D%0AX: y"},
		{[]string{"ü\x00\x7f"}, "%C3%BC%00%7F"},
		{[]string{strings.Repeat("x", maxField+1)}, ""},
		{[]string{"a", ""}, "a,"},
	} {
		if got := fieldValue(tc.values); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.values, got, tc.want)
		}
	}
}

func FuzzFieldValue(f *testing.F) {
	f.Add("a", "b,\r\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		v := fieldValue([]string{a, b})
		for _, c := range []byte(v) {
			if c < ' ' || c > '~' {
				t.Fatalf("%q has the byte %#x", v, c)
			}
		}
		if v != "" && strings.Count(v, ",") != 1 {
			t.Fatalf("%q and %q became %q", a, b, v)
		}
	})
}

func TestPlacesOfTokens(t *testing.T) {
	i := identitytest.Start(t)
	guard, _ := stand(t, i, nil)
	field := func(name, value string) rewrite.Field {
		return rewrite.Field{Name: []byte(name), Value: []byte(value)}
	}
	for _, tc := range []struct {
		name          string
		header, query string
		r             Request
		want          string
	}{
		{"what the credential rules have found", "", "", Request{Token: []byte("t")}, "t"},
		{"nothing", "", "", Request{}, ""},
		{"a field", "X-Token", "", Request{Token: []byte("no"), Fields: []rewrite.Field{field("x-TOKEN", "t")}}, "t"},
		{"two lines", "X-Token", "", Request{Fields: []rewrite.Field{field("x-token", "t"), field("x-token", "t")}}, ""},
		{"a neighbour", "X-Token", "", Request{Fields: []rewrite.Field{field("x_token", "t")}}, ""},
		{"a neighbour beside it, which some upstreams would read", "X-Token", "", Request{Fields: []rewrite.Field{field("X-Token", "t"), field("X_Token", "u")}}, ""},
		{"a neighbour before it", "X-Token", "", Request{Fields: []rewrite.Field{field("X.Token", "u"), field("X-Token", "t")}}, ""},
		{"two lines, the first of them empty", "X-Token", "", Request{Fields: []rewrite.Field{field("X-Token", ""), field("X-Token", "t")}}, ""},
		{"two lines, the first of them nothing", "X-Token", "", Request{Fields: []rewrite.Field{{Name: []byte("X-Token")}, field("X-Token", "t")}}, ""},
		{"the query", "", "jwt", Request{Query: []byte("a=b&jwt=t&c")}, "t"},
		{"twice", "", "jwt", Request{Query: []byte("jwt=t&jwt=u")}, ""},
		{"twice, once in another case", "", "jwt", Request{Query: []byte("jwt=t&JWT=u")}, ""},
		{"twice, once percent-encoded", "", "jwt", Request{Query: []byte("j%77t=u&jwt=t")}, ""},
		{"twice, once without a value", "", "jwt", Request{Query: []byte("jwt&jwt=t")}, ""},
		{"twice, the first of them empty", "", "jwt", Request{Query: []byte("jwt=&jwt=t")}, ""},
		{"a name in capital letters", "", "JWT", Request{Query: []byte("JWT=t")}, "t"},
		{"another name", "", "jwt", Request{Query: []byte("xjwt=t&jwtx=t&JW=t&%&%zz=t")}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := gateOf(t, guard, i, func(o *token.Options) { o.Header, o.Query = tc.header, tc.query })
			if got := string(g.Policies[0].textOf(&tc.r)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestSenders(t *testing.T) {
	var s senders
	now := time.Now()
	a, sameNet, other := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("2001:db8:0:1::1")
	for range most {
		if !s.may(a, now) {
			t.Fatal("refused too early")
		}
		s.count(a, now)
	}
	if s.may(a, now) || s.may(sameNet, now) || !s.may(other, now) || !s.may(address, now) {
		t.Errorf("a %v, its network %v, others %v %v", s.may(a, now), s.may(sameNet, now), s.may(other, now), s.may(address, now))
	}
	if !s.may(a, now.Add(forgiven)) || s.may(a, now.Add(forgiven-1)) {
		t.Error("it is not forgiven in time")
	}
	for n := range 2 * maxSenders {
		s.count(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), now)
		if len(s.known) > maxSenders {
			t.Fatalf("%d senders are known", len(s.known))
		}
	}
}

func BenchmarkJudgeKnown(b *testing.B) {
	i := identitytest.Start(b)
	_, g := stand(b, i, nil)
	c := NewCache()
	r := of(i.Token(audience, identitytest.Claims{"x": strings.Repeat("x", 800)}))
	judge(g, c, r)
	b.ReportAllocs()
	for b.Loop() {
		g.Judge(c, r, nil, time.Now())
	}
}

func BenchmarkJudgeFresh(b *testing.B) {
	i := identitytest.Start(b)
	_, g := stand(b, i, nil)
	r := of(i.Token(audience, identitytest.Claims{"x": strings.Repeat("x", 800)}))
	b.ReportAllocs()
	for b.Loop() {
		work := &Work{gate: g, From: address}
		work.take(r)
		work.Do(context.Background())
	}
}
