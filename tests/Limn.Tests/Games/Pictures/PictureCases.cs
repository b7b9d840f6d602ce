using Limn.Engine;
using Limn.Models;

namespace Limn.Tests.Games.Pictures;

/// <summary>Pictures, and black boxes on them of which the right answers are known.</summary>
internal static class PictureCases
{
    /// <summary>[rows, channels, height, width] from 0 to 1.</summary>
    public static NdArray Picture(ulong seed, params int[] dims)
    {
        NdArray x = NdArray.Create(ElementType.Float, dims);
        new CounterRandom(seed).FillUniform(x.Floats);
        return x;
    }

    /// <summary>A picture of four quarters of one colour each, with a little noise.</summary>
    public static NdArray Quarters(int channels, int side)
    {
        NdArray x = Picture(9, 1, channels, side, side);
        for (int e = 0; e < x.Length; e++)
        {
            int p = e % (side * side), quarter = 2 * (p / side / (side / 2)) + p % side / (side / 2);
            x.Floats[e] = 0.02f * x.Floats[e] + (quarter == 0 ? 0.1f : quarter == 1 ? 0.4f : quarter == 2 ? 0.65f : 0.9f) * (e / (side * side) == quarter % channels ? 1 : 0.6f);
        }
        return x;
    }

    /// <summary>A black box that scores each row.</summary>
    public static FunctionModel Of(Func<float[], double> score) => new(rows =>
    {
        int n = (int)rows.Lengths[0], inner = (int)(rows.FlattenedLength / n);
        float[] all = Numbers.Of(rows);
        return System.Numerics.Tensors.Tensor.Create([.. Enumerable.Range(0, n).Select(r => (float)score(all[(r * inner)..((r + 1) * inner)]))], [n, 1]);
    });

    /// <summary>Σ w x.</summary>
    public static FunctionModel Linear(float[] weights) => Of(x => x.Zip(weights, (a, w) => (double)a * w).Sum());

    public static Attribution Ask(Method method, NdArray x, ulong seed = 0) => method.Explain([x], Target.Class(0), new ExplainOptions { Seed = seed });
}
