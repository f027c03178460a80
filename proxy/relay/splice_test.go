//go:build linux && !portable

package relay

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/apim-edge/apim-edge/proxy/wire"
)

// TestABodyInPiecesArrivesWhole holds it for bodies of known length, parts of which go
// through a pipe and parts through a buffer. What comes behind them goes nowhere.
func TestABodyInPiecesArrivesWhole(t *testing.T) {
	s := newStage(t)
	for name, sizes := range map[string][]int{
		"at once":       {300_000},
		"growing":       {1, 1400, 16 << 10, 40_000, 100_000},
		"in turns":      {70_000, 1, 50_000, 1400, 20_000, 16<<10 - 1, 16 << 10, 16<<10 + 1, 90_000},
		"in packets":    {1400, 1400, 1400, 1400, 1400, 1400, 1400, 1400, 1400, 1400, 1400, 1400, 1400, 1400, 1400, 1400},
		"the last late": {100_000, 16 << 10, 1},
	} {
		var body []byte
		var pieces [][]byte
		for _, n := range sizes {
			piece := make([]byte, n)
			_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(piece)
			pieces, body = append(pieces, piece), append(body, piece...)
		}
		behind := []byte("HTTP/1.1 200 OK\r\n")
		last := len(pieces) - 1
		pieces[last] = append(pieces[last], behind...)
		piped := false // behind the first bytes
		watch := func(goOn func() error, counted *int64, s *splicer) func() error {
			return func() error {
				err := goOn()
				piped = piped || *counted > 0 && !s.few
				return err
			}
		}
		check := func(way string, got []byte, counted int64, err error) {
			t.Helper()
			if err != nil || !bytes.Equal(got, body) || counted != int64(len(body)) {
				t.Errorf("%s, %s: %d bytes arrived and %d are counted of %d, or others: %v", name, way, len(got), counted, len(body), err)
			}
			if name == "in packets" && piped {
				t.Errorf("%s, %s: went through a pipe", name, way)
			}
		}

		d := &Down{}
		d.Track.Begin(int64(len(body)), nil)
		got, err := s.carry(t, pieces, func(from, to *wire.Conn) (func() error, error) {
			d.From, d.To = from, to
			return watch(d.Go, &d.Bytes, &d.splicer), nil
		})
		check("down", got, d.Bytes, err)

		piped = false
		u := &Up{}
		u.Track.Begin(int64(len(body)), nil)
		var in *wire.Buf
		got, err = s.carry(t, pieces, func(from, to *wire.Conn) (func() error, error) {
			u.From, u.To = from, to
			return watch(func() error { return u.Go(&in) }, &u.Bytes, &u.splicer), nil
		})
		check("up", got, u.Bytes, err)
		s.loop.Do(in.Release)
	}
}
