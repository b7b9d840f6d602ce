using Limn.Engine.Kernels;
using Limn.Engine.Kernels.ChannelsLast;

namespace Limn.Engine.Tests.Kernels.ChannelsLast;

public sealed unsafe class LayoutChangeTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(16)]
    public void Matrices_of_every_edge_size_are_transposed(int width)
    {
        int[] sizes = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 19, 31, 33, 63, 64, 65, 130];
        foreach (int rows in sizes)
        {
            foreach (int columns in sizes) Check((VectorWidth)width, 1 + rows % 3, rows, columns);
        }
        Check((VectorWidth)width, 2, 3, 5000);
        Check((VectorWidth)width, 2, 5000, 3);
        Check((VectorWidth)width, 0, 5, 3);
        Check((VectorWidth)width, 1, 0, 3);
    }

    [Fact]
    public void Channels_go_last_and_come_back()
    {
        float[] x = Numbers.Random(2 * 5 * 49, 1), last = new float[x.Length], back = new float[x.Length];
        fixed (float* px = x, pl = last, pb = back)
        {
            LayoutChange.ToChannelsLast(2, 5, 49, px, pl, Naive.Three);
            LayoutChange.ToChannelsFirst(2, 5, 49, pl, pb, Naive.Three);
        }
        Assert.Equal(x[(1 * 5 + 3) * 49 + 17], last[(1 * 49 + 17) * 5 + 3]);
        Assert.Equal(x, back);
    }

    private static void Check(VectorWidth vectors, int batch, int rows, int columns)
    {
        const int Guard = 16;
        float[] x = Numbers.Random((long)batch * rows * columns, rows), y = new float[x.Length + 2 * Guard];
        Array.Fill(y, 77);
        fixed (float* px = x, py = y) LayoutChange.Transpose(vectors, batch, rows, columns, px, py + Guard, Naive.Three);
        for (int n = 0; n < batch; n++)
        {
            for (int r = 0; r < rows; r++)
            {
                for (int c = 0; c < columns; c++)
                {
                    if (x[(n * rows + r) * columns + c] != y[Guard + (n * columns + c) * rows + r]) Assert.Fail($"{batch} x {rows} x {columns}: wrong at {n}, {r}, {c}");
                }
            }
        }
        for (int i = 0; i < Guard; i++) Assert.True(y[i] == 77 && y[^(i + 1)] == 77, "wrote beyond the output");
    }
}
