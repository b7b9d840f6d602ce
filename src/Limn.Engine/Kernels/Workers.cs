namespace Limn.Engine.Kernels;

/// <summary>
/// A bound on the number of threads, and the two loops that kernels run under it. The work of an item never depends on
/// how many threads there are, so results have the same bits whatever the count.
/// </summary>
/// <remarks>
/// The threads are a team that the whole process shares: one for each processor beside the caller's own, started when first needed. The caller always works
/// too, and waits for no more than what a helper has begun, so a loop ends even if no helper ever comes: in a body of another loop, and when
/// several threads run loops at once. An exception in a body stops what has not begun, and the first one reaches the caller as it is.
/// </remarks>
public sealed class Workers
{
    /// <summary>Blocks of items for each thread: more of them even out the work, fewer cost less.</summary>
    private const int BlocksPerThread = 16;

    /// <param name="threads">How many threads may work at once; 0 for all processors.</param>
    public Workers(int threads = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        Count = threads == 0 ? Environment.ProcessorCount : threads;
    }

    /// <summary>The single-threaded workers.</summary>
    public static Workers Single { get; } = new(1);

    /// <summary>How many threads may work at once.</summary>
    public int Count { get; }

    /// <summary>Runs <paramref name="body"/> for each item from 0 to <paramref name="items"/> - 1, in any order.</summary>
    public void For(int items, Action<int> body)
    {
        if (Count == 1 || items <= 1)
        {
            for (int i = 0; i < items; i++) body(i);
            return;
        }
        int block = (int)Math.Max(1, items / ((long)Count * BlocksPerThread));
        WorkerTeam.Run(new WorkerLoop(items, block, body, null, 0), Count);
    }

    /// <summary>
    /// Cuts [0, <paramref name="length"/>) into ranges of at least <paramref name="minimum"/> and runs
    /// <paramref name="body"/>(from, to) on each. Only for work in which each index is computed on its own.
    /// </summary>
    public void Ranges(int length, int minimum, Action<int, int> body)
    {
        int ranges = (int)Math.Clamp((long)length / Math.Max(1, minimum), 1, Count * 4L);
        if (Count == 1 || ranges == 1)
        {
            if (length > 0) body(0, length);
            return;
        }
        WorkerTeam.Run(new WorkerLoop(ranges, 1, null, body, length), Count);
    }
}
