package wire

import "context"

// Beside has work done on a goroutine of its own, for somebody on the loop who
// waits for it, and its result taken back on the loop by arrive. The context of
// work ends with cancel, which the one who waits calls when it waits no longer;
// arrive runs all the same, so that nothing of what has been made is lost. Where
// the loop has ended meanwhile, lost is given the result, on that goroutine. So one of
// the two gets it, once. arrive must ask whether anybody still waits.
func Beside[T any](l *Loop, work func(context.Context) T, arrive, lost func(T)) (cancel context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		result := work(ctx)
		if !l.Post(func() { arrive(result) }) {
			lost(result)
		}
	}()
	return cancel
}
