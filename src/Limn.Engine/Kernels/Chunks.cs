namespace Limn.Engine.Kernels;

/// <summary>Cuts long arrays at fixed places, which do not depend on the number of threads: results therefore do not either.</summary>
internal static class Chunks
{
    /// <summary>Elements in a chunk: 64 KiB of floats, so that a chunk and its result stay in the second-level cache.</summary>
    public const int Size = 16384;

    /// <summary>Elements below which starting a thread costs more than it saves, for operations bound by memory.</summary>
    public const int Cheap = 8 * Size;

    /// <summary>The same for operations that compute an exponential or more for each element.</summary>
    public const int Dear = Size;

    /// <summary>Runs <paramref name="body"/>(from, to) on every chunk of [0, <paramref name="length"/>).</summary>
    public static void For(Workers workers, int length, int minimum, Action<int, int> body)
    {
        int chunks = Of(length);
        workers.Ranges(chunks, Math.Max(1, minimum / Size), (first, last) =>
        {
            for (int c = first; c < last; c++) body(c * Size, (int)Math.Min(length, (c + 1L) * Size));
        });
    }

    /// <summary>The number of chunks that hold <paramref name="length"/> elements.</summary>
    public static int Of(int length) => (int)(((long)length + Size - 1) / Size);

    /// <summary>How many items of <paramref name="each"/> elements make a range worth a thread.</summary>
    public static int Items(int minimum, long each) => (int)Math.Clamp(minimum / Math.Max(1, each), 1, int.MaxValue);
}
