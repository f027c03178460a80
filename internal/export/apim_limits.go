package export

import "time"

// longestRenewal is what rate-limit-by-key takes.
const longestRenewal = 300 * time.Second

const roughRate = "rate-limit-by-key counts in whole seconds, 300 at most: calls and renewal-period are the nearest to it; where less than one request may pass in that time there is none, and a quota-by-key is to be written by hand"

// renewal returns calls and the time in which so many may be made: a burst, and the time
// in which it is made good again, in whole seconds. calls is 0 where the time is too short
// for one.
func (v *view) renewal() (calls int, period time.Duration) {
	period = (v.window() + time.Second - 1) / time.Second * time.Second
	period = min(period, longestRenewal)
	return int(period / v.every()), period
}

// roughly reports whether burst or average are not quite those of the route.
func roughly(v *view) bool {
	if !v.paced() {
		return false
	}
	calls, period := v.renewal()
	return calls != v.route.Limits.Burst || period != v.window()
}

// limits stand behind the check of tokens, and in front of what takes credentials off.
func (a *apim) limits() {
	if !a.paced() {
		return
	}
	calls, period := a.renewal()
	if calls == 0 {
		return
	}
	a.line(`<rate-limit-by-key calls="%d" renewal-period="%d" counter-key="%s" />`, calls, int(period/time.Second), x("@("+a.counter()+")"))
}

// counter is the expression of who is counted together.
func (a *apim) counter() string {
	switch a.route.Limits.Per {
	case "address":
		return "context.Request.IpAddress"
	case "route":
		return "context.Api.Id"
	}
	field := a.route.Credential.Header
	switch {
	case asksForTokens(a.view):
		field = "Authorization"
	case a.gate() != "open":
		return "context.Subscription?.Id"
	}
	return `context.Request.Headers.GetValueOrDefault("` + field + `","")`
}
