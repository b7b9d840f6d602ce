using System.Runtime.InteropServices;
using Limn.Data;

namespace Limn.Trees;

/// <summary>An .npy file of single-precision rows that grows, and whose header is written last, when the number of rows is known.</summary>
internal sealed class NpyAppend : IDisposable
{
    private const int HeaderBytes = 128; // what a header of up to three dimensions takes

    private readonly FileStream file;
    private readonly int[] row;
    private readonly long bytes;

    /// <param name="path">The file; rows that it has are kept.</param>
    /// <param name="row">The shape of a row.</param>
    public NpyAppend(string path, int[] row)
    {
        this.row = row;
        bytes = sizeof(float);
        foreach (int d in row) bytes *= d;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 1);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LimnException($"'{path}' cannot be written: {e.Message}", e);
        }
    }

    public long Rows => Math.Max(0, file.Length - HeaderBytes) / bytes;

    public void Truncate(long rows)
    {
        if (Rows != rows || file.Length != HeaderBytes + rows * bytes) file.SetLength(HeaderBytes + rows * bytes);
    }

    public void Append(ReadOnlySpan<float> values)
    {
        try
        {
            file.Position = file.Length;
            file.Write(MemoryMarshal.AsBytes(values));
        }
        catch (IOException e)
        {
            throw new LimnException($"'{file.Name}' cannot be written: {e.Message}", e);
        }
    }

    public void Read(long from, Span<float> values)
    {
        file.Position = HeaderBytes + from * bytes;
        file.ReadExactly(MemoryMarshal.AsBytes(values));
    }

    /// <summary>Writes the header.</summary>
    public void Finish()
    {
        byte[] header = NpyHeader.Write("<f4", [(nint)Rows, .. row.Select(d => (nint)d)]);
        if (header.Length != HeaderBytes) throw new LimnException($"The header of '{file.Name}' has {header.Length} bytes, and {HeaderBytes} are there for it.");
        file.Position = 0;
        file.Write(header);
        file.Flush(flushToDisk: true);
    }

    public void Dispose() => file.Dispose();
}
