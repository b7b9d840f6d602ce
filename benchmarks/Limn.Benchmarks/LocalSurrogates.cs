using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Games.Local;
using Limn.Models;

namespace Limn.Benchmarks;

/// <summary>What LIME takes beside the forward passes.</summary>
internal static class LocalSurrogates
{
    private const int Repeat = 30, Columns = 20;

    public static void Run()
    {
        Console.WriteLine("| what | all ms | forward passes ms | LIME's own ms |");
        Console.WriteLine("| --- | ---: | ---: | ---: |");
        OnnxModel network = Network();
        NdArray data = Normal(1, 1000, Columns), row = Normal(2, 1, Columns);
        NdArray copies = Normal(3, 5000, Columns);
        foreach (int keep in (int[])[10, 5, 0])
        {
            var lime = new Lime(network) { Baseline = Baseline.Background([data]), Keep = keep };
            Print($"table, 5000 copies, {Columns} columns, {(keep == 0 ? "all" : keep)} kept", () => lime.Explain([row], Target.Class(0)), () => network.Predict([copies]));
        }
        foreach (int players in (int[])[50, 200])
        {
            OnnxModel pictures = Pictures();
            NdArray picture = Normal(4, 1, 3, 64, 64), some = Normal(5, 1000, 3, 64, 64);
            var mask = new NdArray([.. Enumerable.Range(0, 64 * 64 * 3).Select(i => (long)(i % 4096 * players / 4096))], 1, 3, 64, 64);
            var lime = new Lime(pictures) { Mask = [mask] };
            Print($"picture 64 × 64, 1000 copies, {players} parts", () => lime.Explain([picture], Target.Class(0)), () =>
            {
                for (int at = 0; at < 1000; at += 100) pictures.Predict([some.Rows(at, 100)]);
            }, 1);
        }
    }

    private static void Print(string what, Action explain, Action forward, int repeat = Repeat)
    {
        double all = Best(explain, repeat), passes = Best(forward, repeat);
        Console.WriteLine($"| {what} | {all:F2} | {passes:F2} | {all - passes:F2} |");
    }

    /// <summary>Processor time, which other programs disturb less than the clock; in milliseconds, the best of some blocks of ten.</summary>
    private static double Best(Action action, int repeat)
    {
        const int Block = 10;
        double best = double.MaxValue;
        for (int i = 0; i < repeat; i++)
        {
            TimeSpan start = Environment.CpuUsage.TotalTime;
            for (int k = 0; k < Block; k++) action();
            best = Math.Min(best, (Environment.CpuUsage.TotalTime - start).TotalMilliseconds / Block);
        }
        return best;
    }

    private static NdArray Normal(ulong seed, params int[] dims)
    {
        NdArray array = NdArray.Create(ElementType.Float, dims);
        new CounterRandom(seed).FillNormal(array.Floats);
        return array;
    }

    private static OnnxModel Network()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), Columns]);
        g.Output(g.MatMul(g.Relu(g.MatMul(x, g.Constant(Normal(7, Columns, 16)))), g.Constant(Normal(8, 16, 2))), "y");
        return new OnnxModel(g.Build(), threads: 1);
    }

    private static OnnxModel Pictures()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 3, 64, 64]);
        Value h = g.Relu(g.Conv(g.Relu(g.Conv(x, g.Constant(Normal(9, 16, 3, 3, 3)))), g.Constant(Normal(10, 32, 16, 3, 3))));
        g.Output(g.MatMul(g.Flatten(g.GlobalAveragePool(h)), g.Constant(Normal(11, 32, 10))), "y");
        return new OnnxModel(g.Build(), threads: 1);
    }
}
