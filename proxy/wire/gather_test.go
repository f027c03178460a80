package wire

import (
	"bytes"
	"io"
	"testing"
)

// TestPiecesArriveInOrder holds of pieces of all sizes, to a peer that has little room, that
// nothing is lost between them.
func TestPiecesArriveInOrder(t *testing.T) {
	legs := map[string]func(testing.TB, *Loop) (*side, io.Reader){
		"plain":  func(t testing.TB, l *Loop) (*side, io.Reader) { return pair(t, l) },
		"narrow": func(t testing.TB, l *Loop) (*side, io.Reader) { return narrowPair(t, l, narrow, 0) },
		"TLS":    func(t testing.TB, l *Loop) (*side, io.Reader) { return securePair(t, l) },
	}
	for _, sizes := range [][]int{
		{}, {300}, {300, 1200}, {300, BufSize - 300}, {300, BufSize - 299}, {300, 10, 0, 20, 5}, {300, BufSize, 5, 7},
		{300, 200_000}, {300, 190_000, 8, 10_000}, {300, 200_000, 8, 2}, {2 * BufSize, 3, 200_000},
	} {
		for leg, connect := range legs {
			s, far := connect(t, startLoop(t))
			var pieces [][]byte
			for i, n := range sizes {
				pieces = append(pieces, bytes.Repeat([]byte{byte('a' + i)}, n))
			}
			want := bytes.Join(pieces, nil)
			s.do(func(c *Conn) {
				g := c.Gather(c.loop.GetBuf())
				for _, p := range pieces {
					g.Add(p)
				}
				if n, err := g.Send(); n != len(want) || err != nil {
					t.Errorf("%v, %s: %d bytes taken, %v, want %d", sizes, leg, n, err, len(want))
				}
			})
			got := make([]byte, len(want))
			if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v, %s: what arrives is not what was sent (%v)", sizes, leg, err)
			}
		}
	}
}

// TestNothingFollowsWhatIsMissing holds that behind a piece which could not be sent no other
// one goes out, and that the head of a request which nobody has taken counts as untaken.
func TestNothingFollowsWhatIsMissing(t *testing.T) {
	s, _ := pair(t, startLoop(t))
	s.do(func(c *Conn) {
		c.Abort(true)
		g := c.Gather(c.loop.GetBuf())
		g.Add([]byte("head"))
		g.Add(make([]byte, 5*BufSize))
		if n, err := g.Send(); n != 0 || err == nil {
			t.Errorf("%d bytes taken, %v, want none and an error", n, err)
		}
	})
}
