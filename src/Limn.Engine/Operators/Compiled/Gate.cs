using System.Numerics;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators.Compiled;

/// <summary>y = x where low ≤ g ≤ high, else 0: the way back through ReLU and Clip. Inputs x and g, of one shape.</summary>
internal sealed class Gate(float low, float high) : CompiledOperator("Gate")
{
    public float Low { get; } = low;

    public float High { get; } = high;

    public override bool IsElementwise => true;

    public override bool MayOverwrite(int input) => true;

    public override void Execute(KernelContext context)
    {
        ReadOnlySpan<float> x = context.Floats(0), g = context.Floats(1);
        Span<float> y = context.OutputFloats();
        unsafe
        {
            fixed (float* px = x, pg = g, py = y)
            {
                float* from = px, gate = pg, to = py;
                Chunks.For(context.Workers, y.Length, Chunks.Cheap, (a, b) => Run(from + a, gate + a, to + a, b - a));
            }
        }
    }

    private unsafe void Run(float* x, float* g, float* y, int length)
    {
        var from = new Vector<float>(Low);
        var to = new Vector<float>(High);
        int i = 0;
        for (; i <= length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> gate = Vector.Load(g + i);
            Vector<int> open = Vector.GreaterThanOrEqual(gate, from) & Vector.LessThanOrEqual(gate, to);
            (Vector.Load(x + i) & Vector.AsVectorSingle(open)).Store(y + i);
        }
        for (; i < length; i++) y[i] = g[i] >= Low && g[i] <= High ? x[i] : 0;
    }
}
