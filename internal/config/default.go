package config

// Default returns the configuration that holds where nothing else is said.
// Lists and maps are empty in it: decoding merges element by element, so an
// entry here would leak its fields into the user's first one. What an empty
// list means is filled in by Complete.
func Default() Config {
	return Config{
		Listen: Listen{Address: ":8080"},
		Admin:  Admin{Address: "127.0.0.1:9090"},
		Timeouts: Timeouts{
			ClientHead:        Seconds(10),
			RequestBodyIdle:   Seconds(60),
			Connect:           Seconds(5),
			TLSHandshake:      Seconds(5),
			ResponseHead:      Seconds(300),
			StreamIdle:        Seconds(300),
			ClientWriteStall:  Seconds(60),
			ClientKeepAlive:   Seconds(75),
			UpstreamKeepAlive: Seconds(100),
			Drain:             Seconds(30),
			DrainDelay:        Seconds(7),
		},
		Limits: Limits{Head: Size{64 << 10}},
		Loops:  Loops{Busy: true},
		Log:    Log{Level: "info", Format: "auto", Access: true},
		Census: Census{Rows: 5000},
		Traces: Traces{Sample: Share{0.01}, ServiceName: "apim-edge"},
	}
}
