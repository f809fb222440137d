# title: customers with an order of one kind or another
# workload: tpch
SELECT COUNT(*) AS customers FROM customer AS c
WHERE EXISTS (SELECT 1 FROM orders AS o WHERE o.o_custkey = c.c_custkey AND o.o_totalprice > 400000)
  OR EXISTS (SELECT 1 FROM orders AS o
    WHERE o.o_custkey = c.c_custkey AND o.o_orderpriority = '1-URGENT' AND o.o_orderstatus = 'P');
