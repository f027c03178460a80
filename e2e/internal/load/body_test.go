package load

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// Every byte of a body follows from its exchange, however it is read.
func TestBodiesFollowFromTheirExchange(t *testing.T) {
	for _, p := range []Part{{Size: 10_001, Upload: 77}, {Framing: ByEvents, Size: 20, Upload: 8}, {Framing: NoContent}} {
		x, other := p, p
		x.Seq, other.Seq = 1, 2
		whole, err := io.ReadAll(x.want())
		testkit.Must(t, err)
		odd, _ := io.ReadAll(iotest.OneByteReader(x.want()))
		if !bytes.Equal(whole, odd) {
			t.Errorf("%s: another body when read byte by byte", p.Framing)
		}
		another, _ := io.ReadAll(other.want())
		if p.Framing != NoContent && (bytes.Equal(whole, another) || int64(len(whole)) < p.Size) {
			t.Errorf("%s: two exchanges have one body of %d bytes", p.Framing, len(whole))
		}
		if err := compare(x.want(), whole); err != nil {
			t.Errorf("%s: %v", p.Framing, err)
		}
	}
}

func TestCompareFindsTheFault(t *testing.T) {
	body := &pattern{seed: 1, size: 100}
	right, _ := io.ReadAll(body)
	for _, tc := range []struct {
		name   string
		change func(b []byte) []byte
		wrong  bool
	}{
		{"nothing", func(b []byte) []byte { return b }, false},
		{"a part", func(b []byte) []byte { return b[:50] }, false},
		{"a byte altered", func(b []byte) []byte { b[60]++; return b }, true},
		{"a byte lost", func(b []byte) []byte { return append(b[:10], b[11:]...) }, true},
		{"a byte more", func(b []byte) []byte { return append(b, 0) }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := compare(&pattern{seed: 1, size: 100}, tc.change(bytes.Clone(right)))
			if (err != nil) != tc.wrong {
				t.Errorf("got %v, want a fault: %v", err, tc.wrong)
			}
		})
	}
}
