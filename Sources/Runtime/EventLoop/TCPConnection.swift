import CUV
import Glibc

/// A connected TCP stream, used on one loop's thread only. It keeps itself (and its delegate) alive until libuv has
/// given its memory back.
@safe package final class TCPConnection: ByteStream {
    let raw: UnsafeMutablePointer<uv_tcp_t>
    private let loop: EventLoop
    private var delegate: (any ByteStreamDelegate)?
    private var isReading = false
    private var hasEnded = false
    private(set) var closeReason: UVError?
    package private(set) var isClosed = false
    package private(set) var unsentBytes = 0
    package let remoteAddress: SocketAddress

    /// Takes over a socket. Nothing is read until `startReading`.
    /// - Throws: when libuv cannot use it; the socket is closed then.
    package init(loop: EventLoop, socket: consuming AcceptedSocket) throws(UVError) {
        loop.preconditionInLoop()
        self.loop = loop
        unsafe raw = .allocate(capacity: 1)
        remoteAddress = socket.remoteAddress
        let descriptor = socket.release()
        unsafe uv_tcp_init(loop.raw, raw)
        loop.handleOpened()
        // Retained until the close callback.
        unsafe cuv_set_data(raw, Unmanaged.passRetained(self).toOpaque())
        let status = unsafe uv_tcp_open(raw, descriptor)
        guard status == 0 else {
            Glibc.close(descriptor)
            close()
            throw UVError(status)
        }
        unsafe uv_tcp_nodelay(raw, 1)
    }

    deinit { unsafe raw.deallocate() }

    package func attach(_ delegate: any ByteStreamDelegate) { self.delegate = delegate }

    private static func of(_ handle: UnsafeRawPointer?) -> TCPConnection {
        unsafe Unmanaged<TCPConnection>.fromOpaque(cuv_data(handle)).takeUnretainedValue()
    }

    // MARK: Reading

    package func startReading() {
        loop.preconditionInLoop()
        guard !isReading, !isClosed, !hasEnded else { return }
        isReading = true
        unsafe uv_read_start(
            cuv_stream(raw),
            { handle, _, buffer in
                // The loop's one buffer: its content is handed on before the next connection reads.
                let shared = unsafe TCPConnection.of(handle).loop.readBuffer
                unsafe buffer!.pointee = unsafe uv_buf_t(
                    base: UnsafeMutableRawPointer(shared.baseAddress!).assumingMemoryBound(to: CChar.self),
                    len: shared.count)
            },
            { handle, count, _ in unsafe TCPConnection.of(handle).read(count) })
    }

    package func stopReading() {
        loop.preconditionInLoop()
        guard isReading else { return }
        isReading = false
        unsafe uv_read_stop(cuv_stream(raw))
    }

    private func read(_ count: Int) {
        if count > 0 {
            let bytes = unsafe UnsafeBufferPointer(start: loop.readBuffer.baseAddress, count: count)
            unsafe delegate?.received(bytes.span)
        } else if count == Int(UVError.endOfFile.code) {
            hasEnded = true
            stopReading()
            delegate?.receivedEnd()
        } else if count < 0 {
            fail(UVError(Int32(count)))
        }
    }

    // MARK: Writing

    /// One queued write: its bytes live here until libuv calls back.
    @unsafe private struct PendingWrite {
        var request = unsafe uv_write_t()
        let bytes: UnsafeMutableBufferPointer<CChar>
    }

    package func write(_ bytes: [UInt8]) {
        loop.preconditionInLoop()
        guard !isClosed, !bytes.isEmpty else { return }
        unsafe bytes.withUnsafeBufferPointer { source in
            var sent = 0
            if unsentBytes == 0 {
                // libuv does not write through the pointer: uv_buf_t serves reading too, hence its type.
                var buffer = unsafe uv_buf_t(
                    base: UnsafeMutablePointer(
                        mutating: UnsafeRawPointer(source.baseAddress!).assumingMemoryBound(to: CChar.self)),
                    len: source.count)
                let status = Int(unsafe uv_try_write(cuv_stream(raw), &buffer, 1))
                if status >= 0 {
                    sent = status
                } else if status != Int(UVError.tryAgain.code) {
                    fail(UVError(Int32(status)))
                    return
                }
            }
            if sent < source.count { unsafe queue(UnsafeBufferPointer(rebasing: source[sent...])) }
        }
    }

    private func queue(_ rest: UnsafeBufferPointer<UInt8>) {
        let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: rest.count)
        unsafe UnsafeMutableRawBufferPointer(copy).copyMemory(from: UnsafeRawBufferPointer(rest))
        let write = UnsafeMutablePointer<PendingWrite>.allocate(capacity: 1)
        unsafe write.initialize(to: PendingWrite(bytes: copy))
        var buffer = unsafe uv_buf_t(base: copy.baseAddress, len: copy.count)
        unsentBytes += rest.count
        let request = unsafe UnsafeMutableRawPointer(write).assumingMemoryBound(to: uv_write_t.self)
        let status = unsafe uv_write(request, cuv_stream(raw), &buffer, 1) { request, status in
            let write = unsafe UnsafeMutableRawPointer(request!).assumingMemoryBound(to: PendingWrite.self)
            let connection = unsafe TCPConnection.of(write.pointee.request.handle)
            let count = unsafe write.pointee.bytes.count
            unsafe write.pointee.bytes.deallocate()
            unsafe write.deallocate()
            connection.wrote(count, status)
        }
        if status != 0 {
            unsafe copy.deallocate()
            unsafe write.deallocate()
            fail(UVError(status))
        }
    }

    private func wrote(_ count: Int, _ status: Int32) {
        unsentBytes -= count
        guard !isClosed else { return }
        if status < 0 {
            fail(UVError(status))
        } else if unsentBytes == 0 {
            delegate?.flushed()
        }
    }

    // MARK: Ending

    package func shutdownSending() {
        loop.preconditionInLoop()
        if let descriptor { Glibc.shutdown(descriptor, Int32(SHUT_WR)) }
    }

    package func abort() {
        loop.preconditionInLoop()
        if let descriptor {
            var option = linger(l_onoff: 1, l_linger: 0)
            unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        }
        close()
    }

    package func close() {
        loop.preconditionInLoop()
        guard !isClosed else { return }
        isClosed = true
        isReading = false
        unsafe uv_close(cuv_handle(raw)) { handle in
            let connection = unsafe Unmanaged<TCPConnection>.fromOpaque(cuv_data(handle)).takeRetainedValue()
            connection.loop.handleClosed()
            let delegate = connection.delegate
            connection.delegate = nil
            delegate?.closed(connection.closeReason)
        }
    }

    private func fail(_ error: UVError) {
        guard !isClosed else { return }
        closeReason = error
        close()
    }
}
