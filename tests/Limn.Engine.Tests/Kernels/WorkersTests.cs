using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Limn.Engine.Kernels;

namespace Limn.Engine.Tests.Kernels;

public sealed class WorkersTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(64)]
    public void Every_item_runs_once_whatever_the_counts(int threads)
    {
        var workers = new Workers(threads);
        foreach (int items in new[] { 0, 1, 2, 3, 7, 31, 32, 33, 100, 1000, 4097 })
        {
            int[] runs = new int[items], covered = new int[items];
            workers.For(items, i => Interlocked.Increment(ref runs[i]));
            Assert.All(runs, r => Assert.Equal(1, r));
            foreach (int minimum in new[] { 0, 1, 5, 5000 })
            {
                Array.Clear(covered);
                workers.Ranges(items, minimum, (from, to) =>
                {
                    Assert.True(to > from);
                    for (int i = from; i < to; i++) Interlocked.Increment(ref covered[i]);
                });
                Assert.All(covered, r => Assert.Equal(1, r));
            }
        }
    }

    [Fact]
    public void Loops_in_loops_end()
    {
        var workers = new Workers(4);
        Within(() =>
        {
            for (int round = 0; round < 200; round++)
            {
                int total = 0;
                workers.For(5, _ => workers.Ranges(40, 1, (from, to) => workers.For(to - from, _ => Interlocked.Increment(ref total))));
                Assert.Equal(200, total);
            }
        });
    }

    [Fact]
    public void Loops_of_eight_threads_at_once_end_and_do_not_mix()
    {
        Within(() =>
        {
            var callers = new Thread[8];
            int wrong = 0;
            for (int t = 0; t < callers.Length; t++)
            {
                var workers = new Workers(2 + t % 3);
                callers[t] = new Thread(() =>
                {
                    for (int round = 0; round < 1000; round++)
                    {
                        int[] runs = new int[1 + round % 40];
                        workers.For(runs.Length, i => runs[i] += i + 1);
                        for (int i = 0; i < runs.Length; i++) if (runs[i] != i + 1) Interlocked.Increment(ref wrong);
                    }
                });
                callers[t].Start();
            }
            foreach (Thread caller in callers) caller.Join();
            Assert.Equal(0, wrong);
        });
    }

    [Fact]
    public void Thousands_of_tiny_loops_lose_nothing()
    {
        var workers = new Workers(2);
        Within(() =>
        {
            long sum = 0;
            for (int round = 0; round < 20000; round++) workers.For(2, i => Interlocked.Add(ref sum, i + 1));
            Assert.Equal(60000, sum);
        });
    }

    [Fact]
    public void A_helper_that_sleeps_is_woken()
    {
        // The two items wait for each other, which only two threads end in time. The helper may be busy with another test, so not every round can tell.
        if (Environment.ProcessorCount == 1) return;
        var workers = new Workers(2);
        Within(() =>
        {
            int met = 0;
            for (int round = 0; round < 400 && met < 10; round++)
            {
                using var both = new Barrier(2);
                Thread.Sleep(round % 3);
                workers.For(2, _ =>
                {
                    if (both.SignalAndWait(50)) Interlocked.Increment(ref met);
                });
            }
            Assert.True(met >= 10, $"Two threads met {met / 2} times.");
        });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void The_first_exception_reaches_the_caller_as_it_is_after_what_had_begun_has_ended(int threads)
    {
        var workers = new Workers(threads);
        Within(() =>
        {
            for (int round = 0; round < 50; round++)
            {
                int inside = 0, began = 0;
                var thrown = Assert.Throws<OperationCanceledException>(() => workers.For(1000, i =>
                {
                    Interlocked.Increment(ref inside);
                    Interlocked.Increment(ref began);
                    try
                    {
                        if (i == 3) throw new OperationCanceledException("three");
                        Thread.SpinWait(50);
                    }
                    finally
                    {
                        Interlocked.Decrement(ref inside);
                    }
                }));
                Assert.Equal("three", thrown.Message);
                Assert.Equal(0, Volatile.Read(ref inside));
                Assert.True(began < 1000);
                int after = 0;
                workers.For(10, _ => Interlocked.Increment(ref after));
                Assert.Equal(10, after);
            }
        });
    }

    [Fact]
    public void An_exception_in_an_inner_loop_passes_through_the_outer()
    {
        var workers = new Workers(3);
        Within(() => Assert.Throws<InvalidOperationException>(() =>
            workers.For(4, _ => workers.Ranges(8, 1, (from, _) =>
            {
                if (from == 5) throw new InvalidOperationException();
            }))));
    }

    [Fact]
    public void No_more_threads_work_at_once_than_were_allowed()
    {
        var workers = new Workers(2);
        int inside = 0, most = 0;
        workers.For(200, _ =>
        {
            int now = Interlocked.Increment(ref inside);
            for (int seen = most; now > seen; seen = most) Interlocked.CompareExchange(ref most, now, seen);
            Thread.SpinWait(200);
            Interlocked.Decrement(ref inside);
        });
        Assert.InRange(most, 1, 2);
    }

    [Fact]
    public void A_team_with_nothing_to_do_uses_no_processor()
    {
        var helper = new WorkerHelper(99);
        var waited = Stopwatch.StartNew();
        while (!helper.Sleeps && waited.Elapsed < Patience) Thread.Sleep(1);
        Assert.True(helper.Sleeps);
    }

    /// <summary>Fails, rather than hangs, if the loops never end.</summary>
    private static void Within(Action test)
    {
        Exception? error = null;
        var thread = new Thread(() =>
        {
            try
            {
                test();
            }
            catch (Exception e)
            {
                error = e;
            }
        }) { IsBackground = true };
        thread.Start();
        Assert.True(thread.Join(Patience), "The loops did not end.");
        if (error != null) ExceptionDispatchInfo.Throw(error);
    }
}
