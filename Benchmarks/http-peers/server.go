// A server on Go's net/http for measuring: the same answers as bench-server. Its one argument is JSON: port, loops,
// fields, bodies by path. A path that begins with /later is answered after the goroutine has let others run.
package main

import (
	"encoding/json"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
)

func main() {
	var setting struct {
		Port   int
		Loops  int
		Fields map[string]string
		Bodies map[string]string
	}
	if json.Unmarshal([]byte(os.Args[1]), &setting) != nil {
		os.Exit(64)
	}
	runtime.GOMAXPROCS(setting.Loops)
	for path, text := range setting.Bodies {
		body := []byte(text)
		length := strconv.Itoa(len(body))
		later := strings.HasPrefix(path, "/later/")
		http.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if later {
				runtime.Gosched()
			}
			fields := w.Header()
			for name, value := range setting.Fields {
				fields.Set(name, value)
			}
			fields.Set("Content-Length", length)
			w.Write(body)
		})
	}
	http.ListenAndServe("127.0.0.1:"+strconv.Itoa(setting.Port), nil)
}
