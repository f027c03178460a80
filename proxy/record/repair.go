package record

import "github.com/apim-edge/apim-edge/rewrite"

// repair is what upstream would miss if apim-edge were not there: the label that
// decides whether it can be removed. It has fewer values than reasons and notes
// have together, so that a series for each can exist from the start.
type repair uint8

const (
	repairNone repair = iota
	repairBearerKey
	repairMisplacedToken
	repairSwapped
	repairTokenWins
	repairBearerInSlot
	repairDoubledScheme
	repairQueryKey
	repairSubprotocolKey
	repairCount
)

var repairs = [repairCount]string{
	"none", "bearer_key", "misplaced_token", "swapped", "token_wins", "bearer_in_slot", "doubled_scheme", "query_key",
	"subprotocol_key",
}

// repairOf returns what was repaired. A refused request is no repair.
func repairOf(reason rewrite.Reason, notes rewrite.Notes) repair {
	switch reason {
	case rewrite.ReasonBearerKey:
		return repairBearerKey
	case rewrite.ReasonMisplacedToken:
		return repairMisplacedToken
	case rewrite.ReasonSwapped:
		return repairSwapped
	case rewrite.ReasonTokenWins:
		return repairTokenWins
	}
	switch {
	case reason.Rejects():
		return repairNone
	case notes.Has(rewrite.BearerInSlot):
		return repairBearerInSlot
	case notes.Has(rewrite.DoubledScheme):
		return repairDoubledScheme
	case notes.Has(rewrite.QueryKey):
		return repairQueryKey
	case notes.Has(rewrite.SubprotocolKey):
		return repairSubprotocolKey
	}
	return repairNone
}
