namespace Limn.Data;

/// <summary>A stream that can only be read forwards; what is left to write is <see cref="Stream.Read(Span{byte})"/>.</summary>
internal abstract class ReadOnlyStream : Stream
{
    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public abstract override int Read(Span<byte> buffer);
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
    public override void Flush() { }
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}

/// <summary>What the deflate format allows.</summary>
internal static class Deflate
{
    /// <summary>
    /// The most bytes that <paramref name="compressed"/> bytes can stand for: a match of 258 bytes takes at least two bits
    /// (zlib technical notes: "maximum compression factor": 1032), and a few bytes go to headers.
    /// </summary>
    public static long MostFrom(long compressed) => compressed > long.MaxValue / 1032 ? long.MaxValue : compressed * 1032;
}
