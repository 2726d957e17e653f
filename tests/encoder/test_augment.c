#include "tests/encoder/train_support.h"
int main(void)
{
    return 0;
}
