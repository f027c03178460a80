package load

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/e2e/internal/peer"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// What an upstream is told: die, to reset each connection and go; open, to go on with
// what is gated, now and later; refuse, with a status, to answer that; 0: no more.
const (
	die    = "die"
	open   = "open"
	refuse = "refuse"
)

// obey does what the process is told, and ends with it.
func (p *player) obey(l *peer.Listener) {
	for orders := bufio.NewScanner(os.Stdin); orders.Scan(); {
		order, more, _ := strings.Cut(orders.Text(), " ")
		switch order {
		case die:
			l.Leave(raw.ByReset)
			os.Exit(0)
		case open:
			p.open.Store(true)
		case refuse:
			status, _ := strconv.Atoi(more)
			p.refusal.Store(int64(status))
		}
	}
	os.Exit(0) // the load has gone
}

// turnAway refuses a request, some before they have come in whole.
func (s *session) turnAway(p *Part, id string, req *http.Request, status int) error {
	refusal := fmt.Sprintf("HTTP/1.1 %d %s\r\nX-Nonce: %s\r\nretry-after-ms: %d\r\nContent-Length: 0\r\n\r\n",
		status, http.StatusText(status), id, LeftAlone.Milliseconds())
	early := p.Seq%3 == 0
	if !early {
		if err := s.readUpload(p, req.Body); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(s, refusal); err != nil {
		return endOf(err)
	}
	if early {
		return s.readUpload(p, req.Body)
	}
	return nil
}
