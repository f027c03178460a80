package export

import (
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
)

// What is told of limits of callers, and what is done for them, is in one file for each
// target. All count what the edge counts: neither preflights nor what is refused before.

func (v *view) limited() bool { return v.route.Limits.Set() }

// paced reports whether requests per time are bounded.
func (v *view) paced() bool { return v.route.Limits.Requests != "" }

// byCredential reports whether callers are told apart by their credentials.
func (v *view) byCredential() bool { return v.limited() && v.route.Limits.Per == "credential" }

// every is the time from one request to the next, on average; 0: it is not bounded.
func (v *view) every() time.Duration {
	if rate, ok := config.ParseRate(v.route.Limits.Requests); ok {
		return rate.Every()
	}
	return 0
}

// window is the time in which a whole burst is made good again. So many requests in each
// such time are the same burst and the same average.
func (v *view) window() time.Duration { return v.every() * time.Duration(v.route.Limits.Burst) }

// tooMany is what a client is told who asks for more.
func (v *view) tooMany() string {
	return "The limit of this route is " + v.route.Limits.Text() + ". Wait, and ask again."
}

// patience is the longest wait after which OpenAI SDKs are to come back by themselves.
const patience = time.Minute

// again are the fields of a refusal that say when to come back.
func again(wait time.Duration) [][2]string {
	whole := (wait + time.Second - 1) / time.Second
	retry := "true"
	if wait > patience {
		retry = "false"
	}
	return [][2]string{
		{"Retry-After", itoa(int(max(whole, 1)))},
		{"retry-after-ms", itoa(int(max(wait.Milliseconds(), 1)))},
		{"x-should-retry", retry},
	}
}

// byProxiedAddress reports whether callers are told apart by addresses that proxies name.
func byProxiedAddress(v *view) bool {
	return v.route.Limits.Per == "address" && len(v.conf.TrustedProxies) > 0
}

// gapWindow says what differs where requests are counted in windows.
var gapWindow = gap{"limits-by-window", "requests are counted in a window that moves on, and not one by one: the average and the burst are the same, but behind a burst the next request passes later, and several may pass together", (*view).paced}
