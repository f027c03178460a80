package proxy

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// product is what every edge is called in Via.
const product = "apim-edge"

// nameEdge makes the name of one edge in Via. A request that comes back to the edge
// that has forwarded it carries that name, so that a loop ends at its first turn and
// not at the limit of the head (issue 15, B14: one request became 494). The name is
// another one for each process: several edges in a row, on purpose, are no loop. It is
// a pseudonym and no comment, which others may take off (RFC 9110 section 7.6.3).
func nameEdge() []byte {
	var id [6]byte
	_, _ = rand.Read(id[:]) // it never fails
	return hex.AppendEncode([]byte(product+"-"), id[:])
}

func (x *Exchange) loopDetected() error {
	up := x.route.Target
	name := strconv.Quote(up.Name)
	if g := x.route.Group; g != nil {
		name = "of route " + strconv.Quote(x.route.Name) // which of them nobody can tell
	}
	return &edgeerr.Error{
		Code: edgeerr.LoopDetected,
		Message: fmt.Sprintf("upstream %s leads back to this apim-edge, which has forwarded the request already; look at the url of the upstream, "+
			"and at what its name resolves to where apim-edge runs (its own name, perhaps, since it has taken that of the API)", name),
		Err: fmt.Errorf("%s is this edge, or leads to it", up.Address),
	}
}
