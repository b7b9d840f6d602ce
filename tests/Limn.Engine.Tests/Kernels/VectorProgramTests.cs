using Limn.Engine.Kernels;

namespace Limn.Engine.Tests.Kernels;

/// <summary>Programs of vector functions, rows of softmax and of layer normalisation's way back, at every length around the vectors' and with both widths.</summary>
public sealed unsafe class VectorProgramTests
{
    private readonly System.Random random = new(5);

    public static TheoryData<int> Lengths => [.. Enumerable.Range(1, 40), 63, 64, 65, 197, 511, 512, 513, 700];

    [Theory, MemberData(nameof(Lengths))]
    public void A_program_computes_each_element_by_itself(int columns)
    {
        const int Rows = 3;
        float[] full = Numbers(Rows * columns), row = Numbers(columns), column = Numbers(Rows), single = Numbers(1), wide = new float[Rows * columns], narrow = new float[Rows * columns];
        float[] between = new float[Rows * columns];
        VectorStep[] steps =
        [
            new(VectorFunction.Subtract, 0, 2, 5), new(VectorFunction.Multiply, 1, 5, 5), new(VectorFunction.Erf, 5, -1, 5), new(VectorFunction.Divide, 5, 3, 5),
            new(VectorFunction.Add, 2, 3, 4), new(VectorFunction.Add, 4, 5, 4),
        ];
        fixed (float* pFull = full, pRow = row, pColumn = column, pSingle = single, pWide = wide, pNarrow = narrow, pBetween = between)
        {
            foreach (nint target in (nint[])[(nint)pWide, (nint)pNarrow])
            {
                VectorOperand[] operands =
                    [new((nint)pFull, columns, 1), new((nint)pRow, 0, 1), new((nint)pColumn, 1, 0), new((nint)pSingle, 0, 0), new(target, columns, 1), new((nint)pBetween, columns, 1)];
                if (target == (nint)pWide) VectorProgram.Run<Floats512>(steps, operands, Rows, columns);
                else VectorProgram.Run<NativeFloats>(steps, operands, Rows, columns);
            }
        }
        for (int r = 0; r < Rows; r++)
        {
            for (int c = 0; c < columns; c++)
            {
                double expected = column[r] + single[0] + (double)Erf(row[c] * (full[r * columns + c] - column[r])) / single[0];
                Assert.Equal(expected, wide[r * columns + c], 1e-5 * (1 + Math.Abs(expected)));
                Assert.Equal(expected, narrow[r * columns + c], 1e-5 * (1 + Math.Abs(expected)));
            }
        }
    }

    [Theory, MemberData(nameof(Lengths))]
    public void Rows_of_softmax_are_those_of_the_definition(int length)
    {
        float[] x = Numbers(length), dy = Numbers(length), wide = new float[length], narrow = new float[length];
        SoftmaxRows.Forward<Floats512>(x, wide);
        SoftmaxRows.Forward<NativeFloats>(x, narrow);
        double sum = x.Sum(v => Math.Exp(v)), dot = 0;
        for (int i = 0; i < length; i++)
        {
            Assert.Equal(Math.Exp(x[i]) / sum, wide[i], 1e-6);
            Assert.Equal(Math.Exp(x[i]) / sum, narrow[i], 1e-6);
            dot += (double)wide[i] * dy[i];
        }
        foreach (var (total, hasWinner) in new[] { SoftmaxRows.Dot<Floats512>(wide, dy), SoftmaxRows.Dot<NativeFloats>(wide, dy) })
        {
            Assert.Equal(dot, total, 1e-6);
            Assert.Equal(wide.Max() > 0.5f, hasWinner);
        }
    }

    [Theory, MemberData(nameof(Lengths))]
    public void The_way_back_through_a_layer_normalisation_is_that_of_the_definition(int length)
    {
        float[] x = Numbers(length), dy = Numbers(length), scale = Numbers(length), residual = Numbers(length), wide = new float[length], narrow = new float[length];
        float mean = x.Average(), inverse = (float)(1 / Math.Sqrt(x.Average(v => Math.Pow(v - mean, 2)) + 1e-2));
        foreach (bool all in (bool[])[true, false])
        {
            fixed (float* px = x, pdy = dy, pScale = scale, pResidual = residual, pWide = wide, pNarrow = narrow)
            {
                LayerNormalizationBackward.Row<Floats512>(pdy, px, mean, inverse, all ? pScale : null, all ? pResidual : null, pWide, length);
                LayerNormalizationBackward.Row<NativeFloats>(pdy, px, mean, inverse, all ? pScale : null, all ? pResidual : null, pNarrow, length);
            }
            double[] g = [.. dy.Select((v, i) => all ? (double)v * scale[i] : v)], n = [.. x.Select(v => ((double)v - mean) * inverse)];
            double ofG = g.Average(), ofGn = g.Zip(n, (a, b) => a * b).Average();
            for (int i = 0; i < length; i++)
            {
                double expected = inverse * (g[i] - ofG - n[i] * ofGn) + (all ? residual[i] : 0);
                Assert.Equal(expected, wide[i], 2e-5 * (1 + Math.Abs(expected)));
                Assert.Equal(expected, narrow[i], 2e-5 * (1 + Math.Abs(expected)));
            }
        }
    }

    private static float Erf(float x)
    {
        float[] y = new float[1];
        Elementwise.Erf([x], y, Workers.Single);
        return y[0];
    }

    private float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() * 2 - 1))];
}
