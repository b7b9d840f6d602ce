using System.Numerics.Tensors;

namespace Limn.Attention;

/// <summary>Square matrices in double precision, row by row.</summary>
internal static class SquareMatrix
{
    public static double[] Identity(int size)
    {
        var identity = new double[size * size];
        for (int i = 0; i < size; i++) identity[i * size + i] = 1;
        return identity;
    }

    public static double[] Multiply(double[] a, double[] b, int size)
    {
        var product = new double[size * size];
        for (int i = 0; i < size; i++)
        {
            Span<double> row = product.AsSpan(i * size, size);
            for (int k = 0; k < size; k++)
                if (a[i * size + k] is not 0 and var v) TensorPrimitives.MultiplyAdd(b.AsSpan(k * size, size), v, row, row);
        }
        return product;
    }
}
