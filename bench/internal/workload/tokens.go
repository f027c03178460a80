package workload

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/client"
	"github.com/apim-edge/apim-edge/bench/internal/tokens"
)

// guarding are the peers that validate tokens, and whose files have it.
var guarding = []string{"apim-edge", "haproxy", "haproxy-3.2", "envoy"}

func tokenRepeated() Workload {
	return Workload{
		Name: "token-repeated", Unit: "exchange", SkipDirect: true, Legs: []Leg{Plain, TLSUpstream}, Peers: guarding,
		About: "the small exchange with one token (RS256, 1.2 KB) in place of the key, sent again and again to a proxy that validates it. " +
			"× plain is to the same proxy's small exchange with a key, in the same round: the larger head is in it",
		Figures: []Figure{
			{Key: "cpu_us", Title: "CPU µs/exchange", Decimals: 2},
			{Key: "ratio", Title: "× plain", Decimals: 2},
			{Key: "plain_us", Title: "CPU µs, plain", Decimals: 2},
			{Key: "allocs", Title: "allocs", Decimals: 2},
		},
		Run: runTokenRepeated,
	}
}

func runTokenRepeated(ctx context.Context, c *Cell) (*Sample, error) {
	plain, guarded, stop, err := c.beside(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	s, err := guarded.closedLoop(ctx, client.Small, client.Kept, c.Size.Connections, answerMarker)
	if err != nil {
		return nil, err
	}
	s.Figures["plain_us"], s.Figures["ratio"] = plain, s.Figures["cpu_us"]/plain
	return s, nil
}

func tokenFresh() Workload {
	return Workload{
		Name: "token-fresh", Unit: "exchange", SkipDirect: true, Legs: []Leg{Plain, TLSUpstream}, Peers: guarding,
		About: "the small exchange, each with a token that the proxy has never seen, first RS256 (RSA 2048) and then ES256. " +
			"A fixed number of tokens, signed before; the first fifth of them is warm-up",
		Figures: []Figure{
			{Key: "rs256_us", Title: "CPU µs/exchange, RS256", Decimals: 1},
			{Key: "rs256_ratio", Title: "× plain", Decimals: 2},
			{Key: "es256_us", Title: "CPU µs/exchange, ES256", Decimals: 1},
			{Key: "es256_ratio", Title: "× plain", Decimals: 2},
			{Key: "plain_us", Title: "CPU µs, plain", Decimals: 2},
		},
		Run: runTokenFresh,
	}
}

func runTokenFresh(ctx context.Context, c *Cell) (*Sample, error) {
	plain, guarded, stop, err := c.beside(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	s := &Sample{Figures: map[string]float64{"plain_us": plain}}
	for _, alg := range []string{tokens.RS256, tokens.ES256} {
		cost, err := guarded.freshTokens(ctx, s, alg)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", alg, err)
		}
		key := strings.ToLower(alg)
		s.Figures[key+"_us"], s.Figures[key+"_ratio"] = cost, cost/plain
	}
	return s, nil
}

// beside returns what a peer's small exchange costs, and the peer that validates tokens,
// which is to be measured beside that; stop ends it.
func (c *Cell) beside(ctx context.Context) (plain float64, guarded *Cell, stop func(), err error) {
	if plain, err = c.plainExchange(ctx); err != nil {
		return 0, nil, nil, err
	}
	guarded, stop, err = c.guarded()
	return plain, guarded, stop, err
}

// plainExchange measures the small exchange at the peer as it is otherwise.
func (c *Cell) plainExchange(ctx context.Context) (float64, error) {
	uncounted := *c
	uncounted.CountCalls = false
	s, err := uncounted.closedLoop(ctx, client.Small, client.Kept, c.Size.Connections, answerMarker)
	if err != nil {
		return 0, err
	}
	if s.Errors > 0 {
		return 0, fmt.Errorf("the plain exchange: %s", s.FirstError)
	}
	return s.Figures["cpu_us"], nil
}

// guarded starts a peer that validates tokens, and makes sure that it does: what lets
// everybody pass costs nothing.
func (c *Cell) guarded() (*Cell, func(), error) {
	g, stop, err := c.Guarded()
	if err != nil {
		return nil, nil, err
	}
	for what, more := range map[string]tokens.Claims{
		"of another issuer": {"iss": "https://other.bench.test/"}, "for another audience": {"aud": "api://other"}, "that has expired": {"exp": 1},
	} {
		if err = g.refuses(tokens.RS256, more, false); err != nil {
			stop()
			return nil, nil, fmt.Errorf("a token %s: %w", what, err)
		}
	}
	for _, alg := range []string{tokens.RS256, tokens.ES256} {
		if err = g.refuses(alg, nil, true); err != nil {
			stop()
			return nil, nil, fmt.Errorf("a forged token (%s): %w", alg, err)
		}
	}
	return g, stop, nil
}

// refuses wants a token refused.
func (c *Cell) refuses(alg string, more tokens.Claims, forged bool) error {
	text, err := c.Issuer.Token(alg, more)
	if err != nil {
		return err
	}
	if forged {
		text = forge(text)
	}
	conn, err := c.Target.Dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(freshLimit))
	_, err = conn.Exchange(c.Target.Showing(text).Request(client.Small, answerMarker))
	if status, ok := err.(client.StatusError); !ok || status.Status != 401 && status.Status != 403 {
		return fmt.Errorf("the proxy does not refuse it (%v)", err)
	}
	return nil
}

// forge changes the middle of a signature.
func forge(token string) string {
	b := []byte(token)
	at := len(b) - 40
	if b[at] == 'A' {
		b[at] = 'B'
	} else {
		b[at] = 'A'
	}
	return string(b)
}

// freshLimit bounds how long a number of tokens may take.
const freshLimit = 2 * time.Minute

// freshTokens shows a peer tokens that it has never seen, and returns what one costs.
func (c *Cell) freshTokens(ctx context.Context, s *Sample, alg string) (float64, error) {
	made, err := c.Issuer.Many(alg, c.Size.Tokens)
	if err != nil {
		return 0, err
	}
	requests := make([][]byte, len(made))
	for i, token := range made {
		requests[i] = c.Target.Showing(token).Request(client.Small, answerMarker)
	}
	warm := len(requests) / 5
	meter := client.NewMeter()
	if err := c.sendEach(ctx, requests[:warm], meter); err != nil {
		return 0, err
	}
	before := c.read(meter)
	if err := c.sendEach(ctx, requests[warm:], meter); err != nil {
		return 0, err
	}
	w := c.between(before, c.read(meter))
	s.count(meter)
	if w.units == 0 {
		return 0, fmt.Errorf("nothing came through: %v", meter.FirstError())
	}
	s.Saturated = s.Saturated || w.load > saturation
	return float64(w.cpu.Microseconds()) / w.units, nil
}

func (c *Cell) sendEach(ctx context.Context, requests [][]byte, meter *client.Meter) error {
	l := &client.Closed{Target: c.Target, Each: requests, Connections: max(1, c.Size.Connections), Meter: meter}
	l.Start()
	defer l.Stop()
	select {
	case <-l.Over():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(freshLimit):
		return fmt.Errorf("not over after %v", freshLimit)
	}
}
