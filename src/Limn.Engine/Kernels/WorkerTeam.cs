using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace Limn.Engine.Kernels;

/// <summary>A loop that threads share: items in blocks, each for <paramref name="Each"/>, or each a part of [0, Length) for <paramref name="Part"/>.</summary>
internal readonly record struct WorkerLoop(int Items, int Block, Action<int>? Each, Action<int, int>? Part, int Length)
{
    public void Run(int from, int to)
    {
        for (int i = from; i < to; i++)
        {
            if (Each != null) Each(i);
            else Part!((int)((long)Length * i / Items), (int)((long)Length * (i + 1) / Items));
        }
    }
}

/// <summary>The threads of the process that help callers with their loops.</summary>
/// <remarks>
/// A caller offers its loop to idle helpers, each of which has one place for an offer, then takes blocks of items itself until none is left, withdraws the offers
/// that no helper has accepted, and waits for those that have. A waiting caller takes no other work, and a helper works for a caller that is not waiting for
/// the helper's own loops, so no circle of waiting can arise.
/// </remarks>
internal static class WorkerTeam
{
    private static readonly Lazy<WorkerHelper[]> Helpers =
        new(() => Enumerable.Range(1, Math.Max(0, Environment.ProcessorCount - 1)).Select(number => new WorkerHelper(number)).ToArray());

    [ThreadStatic]
    private static WorkerRegion? spare;

    /// <summary>Runs a loop with at most <paramref name="threads"/> threads, the caller's among them.</summary>
    public static void Run(in WorkerLoop loop, int threads)
    {
        WorkerHelper[] helpers = Helpers.Value;
        // A body that runs a loop of its own finds no spare region, and makes one.
        WorkerRegion region = spare ?? new WorkerRegion(helpers.Length);
        spare = null;
        region.Begin(loop);
        int wanted = Math.Min(threads, loop.Items) - 1;
        for (int h = 0; h < helpers.Length && wanted > 0; h++)
        {
            if (helpers[h].Offer(region)) wanted--;
        }
        region.Work();
        Exception? error = region.End();
        spare = region;
        if (error != null) ExceptionDispatchInfo.Throw(error);
    }
}

/// <summary>One run of a loop by several threads.</summary>
internal sealed class WorkerRegion(int mostHelpers)
{
    /// <summary>How long a caller looks again and again whether its helpers are done before it sleeps.</summary>
    private static readonly long Patience = Stopwatch.Frequency / 2000;

    private readonly WorkerHelper[] offered = new WorkerHelper[mostHelpers];
    private readonly object gate = new();
    private WorkerLoop loop;
    private long next;
    private int offers, done;
    private volatile bool sleeping;
    private Exception? error;

    public void Begin(in WorkerLoop begun)
    {
        loop = begun;
        error = null;
        next = offers = done = 0;
    }

    public void Offered(WorkerHelper helper) => offered[offers++] = helper;

    /// <summary>Takes blocks of items until there are no more.</summary>
    public void Work()
    {
        WorkerLoop mine = loop;
        try
        {
            for (; ; )
            {
                long from = Interlocked.Add(ref next, mine.Block) - mine.Block;
                if (from >= mine.Items) return;
                mine.Run((int)from, (int)Math.Min(mine.Items, from + mine.Block));
            }
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref error, e, null);
            Interlocked.Exchange(ref next, mine.Items); // nothing more begins
        }
    }

    /// <summary>A helper has left; it may not touch the loop any more.</summary>
    public void Leave()
    {
        Interlocked.Increment(ref done);
        if (!sleeping) return;
        lock (gate) Monitor.Pulse(gate);
    }

    /// <summary>Withdraws what no helper accepted and waits for those who did.</summary>
    /// <returns>The first exception of a body.</returns>
    public Exception? End()
    {
        int accepted = 0;
        for (int i = 0; i < offers; i++)
        {
            if (!offered[i].Withdraw(this)) accepted++;
        }
        if (Volatile.Read(ref done) < accepted) Wait(accepted);
        loop = default; // keeps no body alive
        return error;
    }

    private void Wait(int accepted)
    {
        long start = Stopwatch.GetTimestamp();
        for (int look = 1; Volatile.Read(ref done) < accepted; look++)
        {
            if (look % 32 != 0)
            {
                Thread.SpinWait(4);
                continue;
            }
            // The helper may be waiting for this very processor.
            Thread.Yield();
            if (Stopwatch.GetTimestamp() - start > Patience) break;
        }
        if (Volatile.Read(ref done) == accepted) return;
        lock (gate)
        {
            sleeping = true;
            Interlocked.MemoryBarrier(); // either Leave sees that we sleep, or we see that it has left
            while (Volatile.Read(ref done) < accepted) Monitor.Wait(gate);
            sleeping = false;
        }
    }
}

/// <summary>A thread that helps with loops. With nothing to do it looks out for a little while, then sleeps.</summary>
internal sealed class WorkerHelper
{
    /// <summary>What stands in the place for an offer while the helper works.</summary>
    private static readonly object Busy = new();

    /// <summary>How long it looks out for the next loop: the pause between two layers of a network, but not between two questions of a person.</summary>
    private static readonly long Patience = Stopwatch.Frequency / 20_000;

    private readonly object gate = new();
    private object? offer;
    private volatile bool sleeping;

    public WorkerHelper(int number)
    {
        new Thread(Live) { IsBackground = true, Name = $"Limn worker {number}" }.Start();
    }

    /// <summary>Whether it has given up looking out, and uses no processor until it is offered something.</summary>
    public bool Sleeps => sleeping;

    /// <summary>Offers a loop, unless the helper has something to do already.</summary>
    public bool Offer(WorkerRegion region)
    {
        if (Volatile.Read(ref offer) != null || Interlocked.CompareExchange(ref offer, region, null) != null) return false;
        region.Offered(this);
        if (!sleeping) return true;
        lock (gate) Monitor.Pulse(gate);
        return true;
    }

    /// <summary>Takes an offer back; false if the helper has accepted it.</summary>
    public bool Withdraw(WorkerRegion region) => Interlocked.CompareExchange(ref offer, null, region) == region;

    private void Live()
    {
        long idleSince = Stopwatch.GetTimestamp();
        for (int look = 1; ; look++)
        {
            if (Volatile.Read(ref offer) is WorkerRegion region)
            {
                if (Interlocked.CompareExchange(ref offer, Busy, region) != region) continue;
                region.Work();
                Volatile.Write(ref offer, null); // free before the caller goes on, who may come back at once
                region.Leave();
                idleSince = Stopwatch.GetTimestamp();
            }
            Thread.SpinWait(4);
            if (look % 16 != 0) continue;
            Thread.Yield(); // the caller may be waiting for this very processor
            if (Stopwatch.GetTimestamp() - idleSince > Patience)
            {
                Sleep();
                idleSince = Stopwatch.GetTimestamp();
            }
        }
    }

    private void Sleep()
    {
        lock (gate)
        {
            sleeping = true;
            Interlocked.MemoryBarrier(); // either Offer sees that we sleep, or we see the offer
            while (Volatile.Read(ref offer) == null) Monitor.Wait(gate);
            sleeping = false;
        }
    }
}
