// Go's net/http: each whole request is answered with what has been seen of it. Prints the port it listens on.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	server := &http.Server{
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				// The head was taken, the body turned out malformed.
				w.Header().Set("Connection", "close")
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			seen := "-"
			if len(body) > 0 {
				seen = fmt.Sprintf("%x", body)
			}
			w.Header().Set("X-Seen", fmt.Sprintf("%s %x %s", r.Method, r.RequestURI, seen))
		}),
	}
	log.Fatal(server.Serve(listener))
}
