package doctor

import (
	"fmt"
	"net/http"
	"time"
)

// judgeIdle says what became of what was silent: of connections, then of exchanges.
func (v *verdict) judgeIdle(all []Idle) {
	if len(all) == 0 {
		return
	}
	v.judgeConnections(all[:steps])
	if all = all[steps:]; len(all) > 0 {
		v.judgeExchanges(all)
		return
	}
	v.note("silence", "no request could be held half-sent: without a credential that is accepted an API answers before it has the body", "give --key or --token: what ends silent streams shows only so")
}

// untilLived returns how long those lived that did, and the first that did not.
func untilLived(all []Idle) (alive time.Duration, first *Idle) {
	for i := range all {
		if all[i].Fate != Alive {
			return alive, &all[i]
		}
		alive = all[i].For
	}
	return alive, nil
}

// judgeConnections says after how long idle connections end, and how.
func (v *verdict) judgeConnections(all []Idle) {
	alive, first := untilLived(all)
	if first == nil {
		v.ok("idle", fmt.Sprintf("connections that were idle for %v, without TCP keep-alive, still served", alive))
		return
	}
	switch first.Fate {
	case Closed:
		v.note("idle", fmt.Sprintf("the other side ends idle connections between %v and %v, in order", alive, first.For), fmt.Sprintf("set timeouts.upstream_keep_alive below %v, if that is seen often", first.For))
	case Lost:
		v.problem("idle", fmt.Sprintf("something on the way forgets idle connections between %v and %v, without a word: a stream that is silent for so long dies as well", alive, first.For), probes)
	default:
		v.note("idle", "nothing is known of idle connections: the API did not keep the one that was tried", "")
	}
}

const (
	probes = "let TCP keep-alive probes pass, which the edge sends every 60 s; ask the owner of the load balancer for a longer idle timeout, or for resets"
	others = "find whose timer it is: API Management, a gateway and a firewall have each a setting for silence; TCP keep-alive does not help where bytes of HTTP are counted"
)

// judgeExchanges says after how much silence an exchange ends, and what that is worth.
func (v *verdict) judgeExchanges(all []Idle) {
	alive, first := untilLived(all)
	if first == nil {
		v.ok("silence", fmt.Sprintf("requests that were half-sent and silent in both directions for %v, without TCP keep-alive, were answered in the end: nothing on the way ends a connection or an exchange for such a silence. A limit between a whole request and its answer does not show so", alive))
		return
	}
	ended := first.Ended.Round(10 * time.Millisecond)
	switch first.Fate {
	case Lost:
		v.problem("silence", fmt.Sprintf("something on the way forgets exchanges that are silent in both directions between %v and %v, without a word: a stream that is silent for so long dies as well", alive, first.For), probes)
	case Closed:
		v.problem("silence", fmt.Sprintf("a request that was half-sent was ended after %v of silence, without an answer: a stream that is silent for so long ends as well, unless that was a timer for bodies of requests alone", ended), others)
	case Answered:
		v.judgeAnswered(first.Status, ended)
	default:
		v.note("silence", "nothing is known of silent exchanges: the one that was tried could not be made", "")
	}
}

// judgeAnswered says what an answer before the end of the request is worth: it comes from
// a timer, or has been there from the start.
func (v *verdict) judgeAnswered(status int, after time.Duration) {
	switch status {
	case http.StatusRequestTimeout:
		v.note("silence", fmt.Sprintf("a request that was half-sent was answered with 408 after %v of silence: a timer for bodies of requests, which tells nothing of streams", after), "")
	case http.StatusGatewayTimeout:
		v.problem("silence", fmt.Sprintf("a request that was half-sent was answered with 504 after %v of silence: who says so has given up on the exchange, as it does on a stream that is silent for so long before its first event", after), others)
	default:
		v.note("silence", fmt.Sprintf("no request could be held half-sent: the API answers with %d before it has the body", status), "give --model NAME, if it answers so since it has no such deployment")
	}
}
